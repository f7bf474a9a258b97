"""Asking a function that refuses what cannot work, without stopping at its refusal."""

from collections.abc import Callable
from typing import Any

from eva.errors import InputError


def refusals(key: str, value: Any, refuse: Callable[[], object]) -> list[str]:
    """What the `InputError` of `refuse()` says about the setting `key`; empty if it refuses nothing."""
    try:
        refuse()
    except InputError as error:
        return [f"`{key}` is {value}: {problem}" for problem in error.problems]
    return []
