"""Ctrl-C in a training: the step is finished, a checkpoint is saved, and only then does the signal act."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import TrainerCallback

log = logging.getLogger(__name__)


class Leaving(TrainerCallback):  # type: ignore[misc]
    """Ends a training on SIGINT, and in a process of its own on SIGTERM, with a checkpoint of the last step.

    The processes of a distributed training agree after each step, for a signal may reach them in different
    ones. SIGTERM ends such a process at once: torchrun sends it when another one has failed, and no step
    comes to its end then.
    """

    def __init__(self) -> None:
        self._number: int | None = None  # of the signal
        self._begun = False  # there is nothing to save before the first step
        self._before: dict[int, Any] = {}

    @contextmanager
    def listening(self, distributed: bool) -> Iterator[None]:
        """Hold signals back within the block; at its end one that came acts as it would have without us."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT] if distributed else [signal.SIGINT, signal.SIGTERM]
        self._before = {number: signal.signal(number, self._hold_back) for number in numbers}
        try:
            yield
        finally:
            self._restore()
        if self._number is not None:
            signal.raise_signal(self._number)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._begun = True

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._asked_for(args):
            control.should_save = control.should_training_stop = True

    def _hold_back(self, number: int, _frame: object) -> None:
        if self._number is not None or not self._begun:
            self._restore()
            signal.raise_signal(number)
            return
        self._number = number
        log.warning("stopping: this step is finished and saved first; once more stops at once")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _asked_for(self, args: Any) -> bool:
        """Whether any process got a signal."""
        if args.world_size == 1:
            return self._number is not None
        import torch

        asked = torch.tensor(int(self._number is not None), device=args.device)
        torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
        if asked and self._number is None:
            self._number = signal.SIGINT
        return bool(asked)
