"""The course of one training: held-out score, training from the newest checkpoint, score again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.training.callbacks import history
from eva.training.length_groups import LengthGroups
from eva.training.result import Row
from eva.training.resume import checkpoint_step, newest_checkpoint
from eva.training.supervised_head import supervised_head


@dataclass(frozen=True)
class Course:
    """What a trainer measured; `before` and `after` are its evaluations on the held-out rows."""

    before: Row
    after: Row
    history: list[Row]
    steps: int
    resumed_from: int | None


def follow(trainer: Any, folder: Path) -> Course:
    """Score, train, score; all processes of a distributed training call it together.

    The first score is the trainer's own first act: under DeepSpeed a model cannot be evaluated
    before its training engine exists. A resumed trainer finds that score in the log it restores.
    """
    checkpoint = newest_checkpoint(folder)
    trainer.args.eval_on_start = checkpoint is None
    with supervised_head():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        after = trainer.evaluate()
    logged = trainer.state.log_history
    before = next(row for row in logged if any(key.startswith("eval_") for key in row))
    resumed = checkpoint_step(checkpoint) if checkpoint else None
    return Course(before, after, history(logged), trainer.state.global_step, resumed)


class Repeatable:
    """Trainer mixin: what a training draws at random does not depend on interruptions or scoring."""

    def evaluate(self, *args: Any, **kwargs: Any) -> Row:
        """Score without using up the random numbers of the training."""
        import torch

        with torch.random.fork_rng():
            scores: Row = super().evaluate(*args, **kwargs)  # type: ignore[misc]
        return scores

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroups:
        trainer: Any = self
        rows = trainer.train_dataset if train_dataset is None else train_dataset
        arguments = trainer.args
        step = arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size
        return LengthGroups(rows["length"], step, arguments.seed, lambda: int(trainer.state.epoch or 0))
