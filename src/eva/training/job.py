"""One training as a folder: prepared here, trained in this process or in several, then delivered.

The starting process claims the folder in the store, writes the token rows and `job.json`; the
training process or processes (`eva.training.worker`) write `final/` and, last, `result.json`.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from eva.artifacts import read_json, write_json
from eva.settings.dpo_section import Dpo
from eva.settings.sft_section import Sft
from eva.settings.training_section import Training
from eva.training import launch
from eva.training.examples import Examples, save_examples
from eva.training.result import Outcome, TrainResult
from eva.training.resume import Run, claim

log = logging.getLogger(__name__)

Stage = Literal["sft", "dpo"]
_SETTINGS: dict[str, type[Training]] = {"sft": Sft, "dpo": Dpo}


@dataclass(frozen=True)
class Job:
    """All that a training process needs to know; `counts` go into the metrics as they are."""

    stage: Stage
    settings: dict[str, Any]
    model_dir: str
    seed: int
    counts: dict[str, int]
    lora_targets: list[str]

    def section(self) -> Training:
        """The settings as the section they came from."""
        return _SETTINGS[self.stage].model_validate(self.settings)

    @classmethod
    def read(cls, folder: Path) -> "Job":
        return cls(**read_json(folder / "job.json"))


@dataclass(frozen=True)
class Plan:
    """A training whose inputs are checked: what to run, its identity, and the bytes it will write."""

    job: Job
    inputs: Mapping[str, Any]
    splits: Mapping[str, Examples]
    needed: int


def complete(plan: Plan, out: Path, store: Path) -> TrainResult:
    """Train, resume or reuse, and put the weights into `out` (replaced only at the end).

    Raises:
        InputError: no room for the checkpoints.
        RuntimeError: a training process failed.
    """
    with claim(store, plan.inputs, plan.needed) as run:
        reused = run.finished
        if reused:
            log.info("%s %s is already trained; reusing it", plan.job.stage, run.fingerprint)
        else:
            _execute(plan, run)
        run.deliver(out)
        outcome = Outcome.read(run.result)
    return TrainResult(
        outcome.metrics, outcome.history, run.fingerprint, reused, outcome.seconds, outcome.resumed_from
    )


def prepare(plan: Plan, folder: Path) -> None:
    """Write what a training process reads."""
    save_examples(folder / "examples", plan.splits)
    write_json(folder / "job.json", asdict(plan.job))


def _execute(plan: Plan, run: Run) -> None:
    run.discard_incomplete()
    prepare(plan, run.folder)
    settings = plan.job.section()
    if launch.is_distributed(settings):
        launch.start(settings, run.folder)
    else:
        from eva.training.worker import fit

        fit(run.folder)
    run.tidy()
