"""One training: held-out score, training from a checkpoint or from the start, held-out score again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.compat.transformers_hooks import OwnOrder
from eva.compat.trl_hooks import supervised_head
from eva.training.callbacks import history
from eva.training.checkpoints import checkpoint_step
from eva.training.length_groups import LengthGroups
from eva.training.result import Row


@dataclass(frozen=True)
class Trained:
    """What a trainer measured; `before` and `after` are its evaluations on the held-out rows."""

    before: Row
    after: Row
    history: list[Row]
    steps: int
    resumed_from: int | None


def run_training(trainer: Any, checkpoint: Path | None) -> Trained:
    """Score, train, score; all processes of a distributed training call it together.

    The first score is the trainer's own first act: under DeepSpeed a model cannot be evaluated
    before its training engine exists. A resumed trainer finds that score in the log it restores.
    """
    trainer.args.eval_on_start = checkpoint is None
    with supervised_head():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        after = trainer.evaluate()
    logged = trainer.state.log_history
    before = next(row for row in logged if any(key.startswith("eval_") for key in row))
    resumed = checkpoint_step(checkpoint) if checkpoint else None
    return Trained(before, after, history(logged), trainer.state.global_step, resumed)


class Repeatable(OwnOrder):
    """Trainer mixin: what a training draws at random does not depend on interruptions or scoring."""

    def evaluate(self, *args: Any, **kwargs: Any) -> Row:
        """Score without using up the random numbers of the training."""
        import torch

        with torch.random.fork_rng():
            scores: Row = super().evaluate(*args, **kwargs)  # type: ignore[misc]
        return scores

    def order(self, rows: Any) -> Any:
        """Rows of like length share a batch, in an order that depends on seed and epoch alone."""
        trainer: Any = self
        arguments = trainer.args
        step = arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size
        return LengthGroups(rows["length"], step, arguments.seed, lambda: int(trainer.state.epoch or 0))
