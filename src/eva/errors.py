"""The one error that a user's input can cause."""

import errno
from collections.abc import Iterable

_STORAGE = {
    errno.ENOSPC: "the disk is full; make room or name another folder",
    errno.EDQUOT: "the disk quota is used up; make room or name another folder",
    errno.EFBIG: "the file would be larger than is allowed here (`ulimit -f`)",
    errno.EROFS: "it lies on a file system that may only be read",
    errno.EACCES: "this user has no right to it",
    errno.EPERM: "this user has no right to it",
}


class InputError(ValueError):
    """Something the user gave cannot work.

    The message says what was given and where, why it cannot be, and what to do.
    All problems of one file are collected and raised at once (see `raise_if`): `problems` holds each.
    """

    def __init__(self, message: str, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems) or (message,)


def raise_if(problems: Iterable[str], where: object, listed: int | None = None) -> None:
    """Raise one `InputError` that lists the problems found in `where`, if there are any.

    With `listed` it shows so many of them and the number of the others.
    """
    found = list(problems)
    if not found:
        return
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    more = [f"and {len(found) - listed} more"] if listed and len(found) > listed else []
    lines = [f"{where}: {count}", *(f"  - {text}" for text in [*found[:listed], *more])]
    raise InputError("\n".join(lines), found)


def storage_fault(error: OSError) -> str | None:
    """What to tell a user whose disk or rights the error speaks of; None for any other error."""
    advice = _STORAGE.get(error.errno or 0)
    if advice is None:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}: {advice}; nothing is half-written: the command can be repeated"
