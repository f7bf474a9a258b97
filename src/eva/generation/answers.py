"""Responses of an endpoint, stored on disk, so that a request that was paid for is not sent again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import fingerprint, read_json, write_json
from eva.errors import InputError
from eva.settings.backbones_section import Endpoint


@dataclass(frozen=True, slots=True)
class Request:
    """A chat completion request: URL and body, which determine the response."""

    url: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Fingerprint of the whole request: URL, model, messages, sampling and seed."""
        return fingerprint({"url": self.url, "body": self.body})


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of an endpoint; `reasoning` is a thought that the server returned in its own field.

    `finish_reason` is `stop`, `length` if the response was cut off, `content_filter` if it was withheld.
    Token counts are those billed, None if the server did not give them.
    """

    text: str
    model: str
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None
    reasoning: str = ""


class Answers:
    """A folder with one file per request, written atomically and verified before it is used.

    The file name is the fingerprint of the request. The code is not part of it, because it determines the
    request, not the response of the server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, request: Request) -> Answer | None:
        """The stored response, or None; `InputError` if its file was changed or damaged."""
        path = self._path(request)
        return _read(path) if path.is_file() else None

    def __setitem__(self, request: Request, answer: Answer) -> None:
        content = {"request": asdict(request), "answer": asdict(answer)}
        write_json(self._path(request), {**content, "digest": fingerprint(content)})

    def permit(self) -> None:
        """Called before a request is sent; a store that limits what may be paid raises `InputError`."""

    def _path(self, request: Request) -> Path:
        return self._folder / f"{request.name}.json"


def damaged_answers(folder: Path) -> Iterator[str]:
    """A message for each damaged file in a folder of stored responses."""
    for path in sorted(folder.glob("*.json")):
        try:
            _read(path)
        except InputError as error:
            yield str(error)


def _read(path: Path) -> Answer:
    advice = "it was paid for: restore it from a copy, or delete it to send the request again"
    try:
        content = read_json(path)
        digest = content.pop("digest", None)  # older files have no digest
        answer = Answer(**content["answer"])
        whole = Request(**content["request"]).name == path.stem and digest in (None, fingerprint(content))
    except (InputError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: not a stored response ({error}); {advice}") from None
    if not whole:
        raise InputError(f"{path}: it was changed after it was written; {advice}")
    return answer


def bill(answers: Sequence[Answer], limits: Endpoint) -> dict[str, float | None]:
    """The tokens of all responses and, if both prices are known, their cost.

    A value is None, rather than a partial sum, if the server did not give the tokens of some responses.
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
