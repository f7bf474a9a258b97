"""Reading all that Prefect's API has; it answers in pages."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

PAGE = 200  # the most entries that it returns at once

T = TypeVar("T")


async def read_all(read: Callable[..., Awaitable[list[T]]], **chosen: Any) -> list[T]:
    """Everything that a client's method such as `read_task_runs` finds with these filters."""
    found: list[T] = []
    while True:
        page = await read(**chosen, limit=PAGE, offset=len(found))
        found.extend(page)
        if len(page) < PAGE:
            return found
