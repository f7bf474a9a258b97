"""A model served at an OpenAI-compatible endpoint: its URL and its API key.

The URL is written into every result. The key is read from the environment when a request is sent, and is
never written.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eva.errors import InputError, raise_if
from eva.models.loading import Pointer
from eva.settings.backbones_section import Endpoint

URL, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
FILE = "endpoint.json"


@dataclass(frozen=True, slots=True)
class Served(Pointer):
    """`endpoint.json`: the model `model` served at `url`, and the settings of requests (`Endpoint`)."""

    url: str
    model: str
    settings: dict[str, Any]

    @classmethod
    def here(cls, model: str, settings: Endpoint) -> "Served":
        """The model at the URL that the environment gives."""
        return cls(base_url(), model, settings.model_dump(mode="json"))

    @property
    def limits(self) -> Endpoint:
        return Endpoint.model_validate(self.settings)

    def key(self) -> str:
        """The API key for `url`; `InputError` if there is none, or if it belongs to another URL."""
        if base_url() != self.url:
            raise InputError(
                f"{URL} is {base_url()}, but this model was set up at {self.url}, and a key is not sent to "
                f"another server; set {URL} back, or run the model's `backbone` stage again"
            )
        return os.environ[KEY].strip()


def base_url() -> str:
    """The URL of the endpoint from the environment; one `InputError` lists all that is missing or wrong."""
    url = os.environ.get(URL, "").strip().rstrip("/")
    problems = list(_url_problems(url))
    if not os.environ.get(KEY, "").strip():
        problems.append(f"{KEY} is not set; for a server without keys set it to any word")
    raise_if(problems, "endpoint")
    return url


def is_served(folder: Path) -> bool:
    """Whether a backbone's folder describes a served model instead of holding weights."""
    return (folder / FILE).is_file()


def _url_problems(url: str) -> list[str]:
    if not url:
        # No default: a dialogue must not leave this machine because a variable was forgotten.
        return [f"{URL} is not set; e.g. https://api.openai.com/v1 or http://127.0.0.1:8000/v1"]
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        return [f"{URL} contains a user, a password or a query, and it is written into results; use {KEY}"]
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return [f"{URL} is {url!r}, which is not a URL; it must start with http:// or https://"]
    return []
