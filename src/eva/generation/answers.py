"""Answers of an endpoint, kept on disk: what was paid for once is not asked again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import fingerprint, read_json, write_json
from eva.errors import InputError
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
    """What came back; `reasoning` is a thought that the server handed over apart.

    `finish_reason` is `stop`, `length` if the answer was cut off, `content_filter` if it was withheld.
    Tokens as billed, None where the server did not say.
    """

    text: str
    model: str
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None
    reasoning: str = ""


class Answers:
    """A folder with one file per request, each written in one step and checked before it is used.

    The name is the whole request. The code is no part of it: it decides what is asked, not what a
    server answers.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, request: Request) -> Answer | None:
        """The kept answer; an `InputError` names a file that is not what was written."""
        path = self._path(request)
        return _read(path) if path.is_file() else None

    def __setitem__(self, request: Request, answer: Answer) -> None:
        content = {"request": asdict(request), "answer": asdict(answer)}
        write_json(self._path(request), {**content, "digest": fingerprint(content)})

    def _path(self, request: Request) -> Path:
        return self._folder / f"{request.name}.json"


def damaged_answers(folder: Path) -> Iterator[str]:
    """What is wrong with the files of an answers folder."""
    for path in sorted(folder.glob("*.json")):
        try:
            _read(path)
        except InputError as error:
            yield str(error)


def _read(path: Path) -> Answer:
    advice = "it was paid for: restore it from a copy, or delete it and it is asked again"
    try:
        content = read_json(path)
        digest = content.pop("digest", None)  # answers kept before there was one have none
        answer = Answer(**content["answer"])
        whole = Request(**content["request"]).name == path.stem and digest in (None, fingerprint(content))
    except (InputError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not a kept answer ({error}); {advice}") from None
    if not whole:
        raise InputError(f"{path}: changed since it was written; {advice}")
    return answer


def bill(answers: Sequence[Answer], limits: Endpoint) -> dict[str, float | None]:
    """Tokens of all answers and, if both prices are known, what they cost at list price.

    None, not a part of the sum, where a server left the tokens of some answers out.
    """
    read = _total([answer.input_tokens for answer in answers])
    written = _total([answer.output_tokens for answer in answers])
    cost, prices = None, (limits.input_price, limits.output_price)
    if read is not None and written is not None and prices[0] is not None and prices[1] is not None:
        cost = round((read * prices[0] + written * prices[1]) / 1e6, 6)
    return {"input_tokens": read, "output_tokens": written, "cost": cost}


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
