"""What happens beside the training: log lines, sealed checkpoints, and the history as rows."""

import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import PrinterCallback, TrainerCallback

from eva.manifest import seal
from eva.training.result import Row

log = logging.getLogger(__name__)

_TIMED = 2  # held-out batches after which the time of the rest is told

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
    """Log lines: how long the first held-out score takes, then one for each logged step."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began: tuple[float, int] | None = None  # first step of this process: when, and which
        self._score_began = 0.0
        self._scored = 0  # batches of the first held-out score

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._score_began = time.monotonic()
        if state.is_world_process_zero and args.eval_on_start:
            log.info("%s: first the held-out score of the start model", self._name)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._scored += 1
        batches = len(kwargs["eval_dataloader"])
        if state.is_world_process_zero and self._scored == _TIMED < batches:
            left = (time.monotonic() - self._score_began) / self._scored * (batches - self._scored)
            log.info("%s: %d of %d held-out batches, about %.0f s left", self._name, _TIMED, batches, left)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._began = self._began or (time.monotonic(), state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if not state.is_world_process_zero or "loss" not in (logs or {}) or self._began is None:
            return
        began, first = self._began
        pace = (time.monotonic() - began) / max(1, state.global_step - first)
        log.info(
            "%s step %d/%d  loss %.4f  lr %.2e  %.2f s/step  %.0f s left",
            self._name, state.global_step, state.max_steps, logs["loss"],
            logs.get("learning_rate", 0.0), pace, pace * (state.max_steps - state.global_step),
        )  # fmt: skip


class Sealer(TrainerCallback):  # type: ignore[misc]
    """Gives each checkpoint its manifest when all processes have written their part of it."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            seal(checkpoint, (path for path in checkpoint.rglob("*") if path.is_file()))


def add_callbacks(trainer: Any, name: str) -> None:
    """Seal checkpoints, and let `Progress` speak instead of the callback that prints dictionaries."""
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Progress(name))
    trainer.add_callback(Sealer())


def history(logged: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The training rows of a trainer's log, without evaluation rows and times."""
    return [
        {"step": row["step"], **{ours: row[key] for key, ours in _COLUMNS.items() if key in row}}
        for row in logged
        if "loss" in row
    ]
