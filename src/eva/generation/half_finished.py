"""Storing responses on disk as they are generated, so that an interrupted generation can be resumed."""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eva.artifacts import fingerprint, write_jsonl
from eva.data.responses import Response
from eva.errors import InputError
from eva.plain_text import parse_json

log = logging.getLogger(__name__)


class Partial:
    """The stored responses of one generation.

    The file has one line with the inputs of the generation, then one line with a digest for each response.
    Its name should contain a fingerprint of the inputs. A response that does not match its digest, or
    whose line is incomplete because the process was killed, is generated again.
    """

    def __init__(self, path: Path, inputs: Mapping[str, Any] | None = None) -> None:
        """Read the file, if it exists; `inputs` are what determines the responses, written for inspection."""
        self._path = path
        found, damaged = _valid_rows(path)
        self.done = {response.key: response for response in found}
        if damaged:
            log.warning("%s: %d responses are damaged and will be generated again", path, damaged)
        if self.done:
            log.info("%d responses are already in %s", len(self.done), path.name)
        write_jsonl(path, [{"inputs": dict(inputs or {})}, *(_row(one) for one in self.done.values())])

    def add(self, responses: Iterable[Response]) -> None:
        """Append responses and flush them to the disk."""
        with self._path.open("a", encoding="utf-8") as file:
            for response in responses:
                file.write(json.dumps(_row(response), ensure_ascii=False) + "\n")
                self.done[response.key] = response
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def resumable(store: Path, inputs: Mapping[str, Any]) -> Iterator[Partial]:
    """A context with the stored responses of the generation that `inputs` determine.

    If another process runs the same generation, waits until it has finished.
    """
    path = store / f"generate-{fingerprint(inputs)}.jsonl"
    store.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("an equal generation (%s) is running; waiting for it", path.stem)
        lock.acquire()
    try:
        yield Partial(path, inputs)
    finally:
        lock.release()


def _row(response: Response) -> dict[str, Any]:
    row = response.to_dict()
    return {"response": row, "digest": fingerprint(row)}


def _valid_rows(path: Path) -> tuple[list[Response], int]:
    """The responses that match their digest, and the number of damaged lines."""
    found, damaged = [], 0
    # Decoded line by line, because a killed process may have written only part of a character.
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            row = parse_json(line.decode("utf-8"))
        except (InputError, UnicodeDecodeError):
            damaged += 1
            continue
        if "inputs" in row:
            continue
        if "response" in row and fingerprint(row["response"]) == row.get("digest"):
            found.append(Response.from_dict(row["response"]))
        else:
            damaged += 1
    return found, damaged
