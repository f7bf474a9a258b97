"""The one error that a user's input can cause."""

from collections.abc import Iterable


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
