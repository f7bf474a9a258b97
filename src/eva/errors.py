"""The one error that a user's input can cause."""

from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot work.

    The message says what was given and where, why it cannot be, and what to do.
    All problems of one file are collected and raised at once (see `raise_if`).
    """


def raise_if(problems: Iterable[str], where: str) -> None:
    """Raise one `InputError` that lists every problem found in `where`, if there is any."""
    found = list(problems)
    if not found:
        return
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    raise InputError("\n".join([f"{where}: {count}", *(f"  - {problem}" for problem in found)]))
