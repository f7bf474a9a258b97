"""Reading the response files that are given to a command."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import digest_file
from eva.data.comparability import check_comparable
from eva.data.responses import Response, read_responses
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
    """Read files that are to be compared; one `InputError` has the problems of all.

    All have to answer the same turns, given the same histories.
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
        check_comparable(files[0].rows, other.rows, (str(files[0].path), str(other.path)))
    return files
