"""The course of one training: held-out score, training from the newest checkpoint, score again."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, write_json
from eva.training.callbacks import history
from eva.training.result import Row
from eva.training.resume import checkpoint_step, newest_checkpoint
from eva.training.supervised_head import supervised_head

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Course:
    """What a trainer measured; `before` and `after` are its evaluations on the held-out rows."""

    before: Row
    after: Row
    history: list[Row]
    steps: int
    resumed_from: int | None


def follow(trainer: Any, seed: int, folder: Path) -> Course:
    """Score, train, score; all processes of a distributed training call it together."""
    from transformers import set_seed

    checkpoint = newest_checkpoint(folder)
    with supervised_head():
        before = _score_before(trainer, folder / "before.json")
        # Scoring drew random numbers; a run that read its score from the file did not.
        set_seed(seed)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        after = _score(trainer)
    resumed = checkpoint_step(checkpoint) if checkpoint else None
    return Course(before, after, history(trainer.state.log_history), trainer.state.global_step, resumed)


def _score_before(trainer: Any, path: Path) -> Row:
    """The start model's score; an interrupted training that goes on has it already."""
    if path.is_file():
        known: Row = read_json(path)
        return known
    scores = _score(trainer)
    if trainer.is_world_process_zero():
        write_json(path, scores)
    return scores


def _score(trainer: Any) -> Row:
    scores: Row = trainer.evaluate()
    return {key: value for key, value in scores.items() if not key.endswith(("_runtime", "_per_second"))}
