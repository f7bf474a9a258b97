"""Progress of a training as log lines, and its history as rows."""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from transformers import PrinterCallback, TrainerCallback

from eva.training.result import Row

log = logging.getLogger(__name__)

# The trainer's names -> ours; what is not here is left out of the history.
_COLUMNS = {
    "loss": "loss",
    "learning_rate": "lr",
    "grad_norm": "grad_norm",
    "epoch": "epoch",
    "rewards/accuracies": "accuracy",
    "rewards/margins": "margin",
    "logps/chosen": "logp_chosen",
    "logps/rejected": "logp_rejected",
}


class Progress(TrainerCallback):  # type: ignore[misc]
    """One line for each logged step: loss, learning rate, pace and time left."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._start = (0.0, 0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._start = (time.monotonic(), state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if not state.is_world_process_zero or "loss" not in (logs or {}):
            return
        began, first = self._start
        pace = (time.monotonic() - began) / max(1, state.global_step - first)
        log.info(
            "%s step %d/%d  loss %.4f  lr %.2e  %.2f s/step  %.0f s left",
            self._name, state.global_step, state.max_steps, logs["loss"],
            logs.get("learning_rate", 0.0), pace, pace * (state.max_steps - state.global_step),
        )  # fmt: skip


def report_through(trainer: Any, name: str) -> None:
    """Let `Progress` speak instead of the callback that prints dictionaries."""
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Progress(name))


def history(logged: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The training rows of a trainer's log, without evaluation rows and times."""
    return [
        {"step": row["step"], **{ours: row[key] for key, ours in _COLUMNS.items() if key in row}}
        for row in logged
        if "loss" in row
    ]
