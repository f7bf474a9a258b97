"""What happens beside the training: log lines, and the history as rows."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transformers import PrinterCallback, TrainerCallback

from eva.live_rows import hand_on
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
_LAST = ("lr", "grad_norm", "epoch")
_ROWS = 50  # about how many rows a history has
_SAMPLED = ("sample_tokens", "sample_repetition")


class Progress(TrainerCallback):  # type: ignore[misc]
    """Log lines: how long the first held-out score takes, then one for each row of the history."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began: tuple[float, int] | None = None  # time and number of this process's first step
        self._score_began = 0.0
        self._scored = 0  # batches done in the first held-out evaluation

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._score_began = time.monotonic()
        if state.is_world_process_zero and args.eval_on_start:
            log.info("%s: evaluating the start model on the held-out rows first", self._name)

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
        if not _ends_row(state.global_step, row_every(state.max_steps)):
            return
        hand_on(history(state.log_history, row_every(state.max_steps))[-1])
        began, first = self._began
        pace = (time.monotonic() - began) / max(1, state.global_step - first)
        log.info(
            "%s step %d/%d  loss %.4f  lr %.2e  %.2f s/step  %.0f s left",
            self._name, state.global_step, state.max_steps, logs["loss"],
            logs.get("learning_rate", 0.0), pace, pace * (state.max_steps - state.global_step),
        )  # fmt: skip


def add_callbacks(trainer: Any, name: str) -> None:
    """Let `Progress` speak instead of the callback that prints dictionaries."""
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Progress(name))


def row_every(steps: int) -> int:
    """How many of a training's steps make a row of its history."""
    return max(1, steps // _ROWS)


def history(logged: Iterable[Mapping[str, Any]], every: int) -> list[Row]:
    """A trainer's log of each step as rows: the first step, then means over the steps up to each `every`-th.

    Evaluations and times are left out; rate, gradient and epoch are those of a row's last step. What was
    sampled (`SampleWatch`) stands in the next row, or in the last one.
    """
    rows, gathered = list[Row](), list[Mapping[str, Any]]()
    sampled: Row = {}
    for line in logged:
        sampled |= {key: line[key] for key in _SAMPLED if key in line}
        if "loss" not in line:
            continue
        gathered.append(line)
        if _ends_row(line["step"], every):
            rows.append(_row(gathered) | sampled)
            gathered, sampled = [], {}
    if rows:
        rows[-1] |= sampled
    return rows


def _ends_row(step: int, every: int) -> bool:
    return step == 1 or step % every == 0


def _row(lines: Sequence[Mapping[str, Any]]) -> Row:
    last = lines[-1]
    known = {ours: key for key, ours in _COLUMNS.items() if key in last}
    return {
        "step": last["step"],
        **{
            ours: last[key] if ours in _LAST else sum(line[key] for line in lines) / len(lines)
            for ours, key in known.items()
        },
    }
