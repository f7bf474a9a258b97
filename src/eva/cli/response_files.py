"""Reading the response files that are given to a command."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import digest_file
from eva.data.responses import Response, check_same_turns, read_responses
from eva.data.thoughts import part_thoughts
from eva.errors import InputError


@dataclass(frozen=True)
class ResponseFile:
    """A checked file of responses."""

    path: Path
    rows: list[Response]

    @property
    def thoughts(self) -> int:
        """Responses that came with a thought, which is no part of them."""
        parted = [part_thoughts(row.raw) for row in self.rows if row.raw]
        return sum(bool(one.thoughts or one.unfinished) for one in parted)

    def provenance(self) -> dict[str, Any]:
        return {"file": self.path.name, "sha256": digest_file(self.path), "thoughts": self.thoughts}


def read_all(paths: Sequence[Path], *, allow_empty: bool) -> list[ResponseFile]:
    """Read the responses and, after them, the baseline; one `InputError` has the problems of both.

    A baseline has to answer the same turns.
    """
    files, problems = [], []
    for path in paths:
        try:
            files.append(ResponseFile(path, read_responses(path, allow_empty=allow_empty)))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    for other in files[1:]:
        names = str(files[0].path), str(other.path)
        check_same_turns((row.key for row in files[0].rows), (row.key for row in other.rows), names)
    return files
