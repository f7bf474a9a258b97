"""The steps of a training: held-out evaluation, training (new or resumed), held-out evaluation."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.compat.transformers_hooks import ChecksSteps, OwnOrder, SavesAside
from eva.compat.trl_hooks import supervised_head
from eva.errors import InputError
from eva.training import checkpoints
from eva.training.callbacks import history, row_every
from eva.training.leaving import Leaving
from eva.training.length_groups import LengthGroups
from eva.training.result import Row


@dataclass(frozen=True)
class Trained:
    """Results of a training; `before` and `after` are the evaluations on the held-out rows."""

    before: Row
    after: Row
    history: list[Row]
    steps: int
    resumed_from: int | None


def run_training(trainer: Any, checkpoint: Path | None) -> Trained:
    """Evaluate, train, evaluate; all processes of a distributed training must call it.

    The first evaluation happens inside the trainer: under DeepSpeed a model cannot be evaluated before its
    training engine exists. A resumed trainer has it in its restored log.

    Raises:
        InputError: the loss or its gradient is no number any more.
        KeyboardInterrupt: Ctrl-C, after a checkpoint was saved.
    """
    trainer.args.eval_on_start = checkpoint is None
    leaving = Leaving()
    trainer.add_callback(leaving)
    with supervised_head():
        with leaving.listening(trainer.args.world_size > 1):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        after = trainer.evaluate()
    logged = trainer.state.log_history
    before = next(row for row in logged if any(key.startswith("eval_") for key in row))
    resumed = checkpoints.checkpoint_step(checkpoint) if checkpoint else None
    return Trained(
        before, after, history(logged, row_every(trainer.state.max_steps)), trainer.state.global_step, resumed
    )


class Repeatable(OwnOrder, SavesAside, ChecksSteps):
    """Trainer mixin: a training gives the same result however often it is interrupted.

    What it draws at random does not depend on interruptions or scoring; its checkpoints are whole; and it
    stops at the first step whose loss is no number, before that reaches a checkpoint.
    """

    aside = checkpoints.ASIDE

    def evaluate(self, *args: Any, **kwargs: Any) -> Row:
        """Evaluate without advancing the random generators of the training."""
        import torch

        with torch.random.fork_rng():
            scores: Row = super().evaluate(*args, **kwargs)  # type: ignore[misc]
        return scores

    def put_in_place(self, written: Path) -> None:
        """Make what all processes have written the newest checkpoint."""
        trainer: Any = self
        if trainer.is_world_process_zero():
            checkpoints.put_in_place(written)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """One batch's loss, if it is a number."""
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        self.require_number("loss", float(loss))
        return loss

    def check_step(self, norm: float) -> None:
        """Refuse an update whose gradient was not finite; its step is counted already."""
        self.require_number("gradient's norm", norm, done=1)

    def require_number(self, name: str, value: float, done: int = 0) -> None:
        """Stop a training that has lost its way; `done` is 1 where the step is counted already.

        Raises:
            InputError: naming the step and the rows of its batches.
        """
        if math.isfinite(value):
            return
        trainer: Any = self
        step = trainer.state.global_step + 1 - done
        raise InputError(
            f"step {step}: the {name} is {value}, so the training has diverged. Its rows: "
            f"{', '.join(self._rows_of(step - 1))}. Checkpoints up to it are kept. Lower `lr`, raise "
            "`warmup`, or look at those rows; a training with other settings starts afresh"
        )

    def _rows_of(self, done: int) -> list[str]:
        """The training rows that the update after `done` updates reads, by dialogue and number."""
        trainer: Any = self
        rows = trainer.train_dataset
        arguments = trainer.args
        size = arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size
        epoch, place = divmod(done, math.ceil(len(rows) / size))
        numbers = self.order(rows).of_epoch(epoch)[place * size : (place + 1) * size]
        names = rows["dialogue"] if "dialogue" in rows.column_names else [""] * len(rows)
        return [f"{names[number]} (row {number})".strip() for number in numbers]

    def order(self, rows: Any) -> Any:
        """The sampler: rows of similar length share a batch; the order depends only on seed and epoch."""
        trainer: Any = self
        arguments = trainer.args
        step = arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size
        return LengthGroups(rows["length"], step, arguments.seed, lambda: int(trainer.state.epoch or 0))
