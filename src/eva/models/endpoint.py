"""A model that somebody serves: where it is, and what opens it.

The address is public and is written beside every result. The key is read from the environment
when a request is about to be sent, and is written nowhere.
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
    """`endpoint.json`: model `model` of an OpenAI-compatible endpoint at `url`, and how to ask it."""

    url: str
    model: str
    settings: dict[str, Any]

    @classmethod
    def here(cls, model: str, settings: Endpoint) -> "Served":
        """At the address that the environment names."""
        return cls(base_url(), model, settings.model_dump(mode="json"))

    @property
    def limits(self) -> Endpoint:
        return Endpoint.model_validate(self.settings)

    def key(self) -> str:
        """The key for `url`; an `InputError` if there is none, or if it belongs to another address."""
        if base_url() != self.url:
            raise InputError(
                f"{URL} is {base_url()} and this model was set up at {self.url}: the key of one is not "
                f"sent to the other; set {URL} back, or run the model's `backbone` stage again"
            )
        return os.environ[KEY].strip()


def base_url() -> str:
    """The endpoint that the environment names; one `InputError` has all that is missing or wrong."""
    url = os.environ.get(URL, "").strip().rstrip("/")
    problems = list(_url_problems(url))
    if not os.environ.get(KEY, "").strip():
        problems.append(f"{KEY} is not set; a server that asks for no key takes any word")
    raise_if(problems, "endpoint")
    return url


def is_served(folder: Path) -> bool:
    """Whether a backbone's folder stands for a served model instead of holding one."""
    return (folder / FILE).is_file()


def _url_problems(url: str) -> list[str]:
    if not url:
        # Without a default: a dialogue must not leave this machine because a variable was forgotten.
        return [f"{URL} is not set; e.g. https://api.openai.com/v1 or http://127.0.0.1:8000/v1"]
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        return [f"{URL} holds a user, a password or a query, and is written into results; use {KEY}"]
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return [f"{URL} is {url!r}, which is no address; it begins with http:// or https://"]
    return []
