"""`InputError`, the only error that a user's input may cause, helpers that raise it, and `ProcessError`."""

import errno
from collections.abc import Iterable

_STORAGE = {
    errno.ENOSPC: "the disk is full; make room or name another folder",
    errno.EDQUOT: "the disk quota is used up; make room or name another folder",
    errno.EFBIG: "the file would be larger than is allowed here (`ulimit -f`)",
    errno.EROFS: "it is on a read-only file system",
    errno.EACCES: "this user has no permission for it",
    errno.EPERM: "this user has no permission for it",
}


class InputError(ValueError):
    """Something that the user gave cannot work.

    The message says what was given and where, why it cannot work, and what to do. All problems of one
    file are collected and raised together (see `raise_if`); `problems` holds one message for each.
    """

    def __init__(self, message: str, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems) or (message,)


class ProcessError(RuntimeError):
    """A process that was started here failed and has said why on stderr; the message says what to do."""


def raise_if(problems: Iterable[str], where: object, listed: int | None = None) -> None:
    """Raise one `InputError` that lists the problems found in `where`, if there are any.

    With `listed`, the message shows that many of them and the number of the others.
    """
    found = list(problems)
    if not found:
        return
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    more = [f"and {len(found) - listed} more"] if listed and len(found) > listed else []
    lines = [f"{where}: {count}", *(f"  - {text}" for text in [*found[:listed], *more])]
    raise InputError("\n".join(lines), found)


def storage_fault(error: OSError) -> str | None:
    """A message for an error about disk space or permissions; None for any other error."""
    advice = _STORAGE.get(error.errno or 0)
    if advice is None:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}{error.strerror}: {advice}; no file was left half-written: run the command again afterwards"
    )
