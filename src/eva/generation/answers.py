"""Answers of an endpoint, kept on disk: what was paid for once is not asked again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import fingerprint, read_json, write_json
from eva.settings.backbones_section import Endpoint


@dataclass(frozen=True, slots=True)
class Request:
    """One chat completion: all that decides the answer."""

    url: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Names the whole request: address, model, messages, sampling and seed."""
        return fingerprint({"url": self.url, "body": self.body})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `finish_reason` is `stop`, or `length` if it was cut off. Tokens as billed."""

    text: str
    model: str
    finish_reason: str
    input_tokens: int
    output_tokens: int


class Answers:
    """A folder with one file per request, each written in one step."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __contains__(self, request: Request) -> bool:
        return self._path(request).is_file()

    def __getitem__(self, request: Request) -> Answer:
        return Answer(**read_json(self._path(request))["answer"])

    def __setitem__(self, request: Request, answer: Answer) -> None:
        write_json(self._path(request), {"request": asdict(request), "answer": asdict(answer)})

    def _path(self, request: Request) -> Path:
        return self._folder / f"{request.name}.json"


def bill(answers: Sequence[Answer], limits: Endpoint) -> dict[str, float | None]:
    """Tokens of all answers and, if both prices are known, what they cost at list price."""
    read = sum(answer.input_tokens for answer in answers)
    written = sum(answer.output_tokens for answer in answers)
    cost = None
    if limits.input_price is not None and limits.output_price is not None:
        cost = round((read * limits.input_price + written * limits.output_price) / 1e6, 6)
    return {"input_tokens": read, "output_tokens": written, "cost": cost}
