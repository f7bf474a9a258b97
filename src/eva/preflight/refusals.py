"""Collecting the problems that a checking function raises, instead of stopping at the first."""

from collections.abc import Callable
from typing import Any

from eva.errors import InputError


def refusals(key: str, value: Any, refuse: Callable[[], object]) -> list[str]:
    """Messages about the setting `key` from the `InputError` of `refuse()`; empty if it raises none."""
    try:
        refuse()
    except InputError as error:
        return [f"`{key}` is {value}: {problem}" for problem in error.problems]
    return []
