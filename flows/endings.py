"""Flows that end with one message, not with a traceback, if what was given or a stage is at fault."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Failed

from eva.errors import InputError
from flows.stage import StageError

FAULTS = (InputError, StageError)
P = ParamSpec("P")


def plain(run: Callable[P, Any]) -> Callable[P, Any]:
    """The function of a flow; for such a fault it returns a failed state with the message."""
    if not inspect.iscoroutinefunction(run):
        return _plain(run)

    @wraps(run)
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return await run(*args, **kwargs)
        except FAULTS as error:
            return _failed(error)

    return awaited


def _failed(error: ValueError | RuntimeError) -> State[Any]:
    get_run_logger().error("%s", error)
    return Failed(message=str(error))


def _plain(run: Callable[P, Any]) -> Callable[P, Any]:
    @wraps(run)
    def called(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return run(*args, **kwargs)
        except FAULTS as error:
            return _failed(error)

    return called
