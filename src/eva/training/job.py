"""The inputs of a trainer, passed in memory or as a folder to launched processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from eva.artifacts import read_json, write_json
from eva.settings.training_section import Training

SettingsT = TypeVar("SettingsT", bound=Training)

_SPLITS = ("train", "valid")


@dataclass(frozen=True)
class Job(Generic[SettingsT]):
    """A training whose inputs are checked.

    Attributes:
        settings: the section, with the precision decided and `extra` in TRL's types.
        model_dir: Hugging Face folder of the start model.
        seed: random seed.
        train: encoded training rows, a `datasets.Dataset`.
        valid: encoded held-out rows, a `datasets.Dataset`.
        counts: numbers that are copied into the metrics.
        lora_targets: names of the linear modules that get an adapter.
    """

    settings: SettingsT
    model_dir: Path
    seed: int
    train: Any
    valid: Any
    counts: dict[str, int]
    lora_targets: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the rows as Arrow files and everything else as `job.json`."""
        for name in _SPLITS:
            getattr(self, name).save_to_disk(str(folder / "examples" / name))
        told = {
            "settings": self.settings.model_dump(mode="json"),
            "model_dir": str(_within(Path.cwd(), self.model_dir)),
            "seed": self.seed,
            "counts": self.counts,
            "lora_targets": self.lora_targets,
        }
        write_json(folder / "job.json", told)

    @classmethod
    def read(cls, folder: Path, section: type[SettingsT]) -> Self:
        """Read a job written by `write`; `section` is the class of its settings."""
        from datasets import load_from_disk

        told = read_json(folder / "job.json")
        train, valid = (load_from_disk(str(folder / "examples" / name)) for name in _SPLITS)
        return cls(
            section.model_validate(told["settings"]),
            Path(told["model_dir"]).absolute(),
            told["seed"],
            train,
            valid,
            told["counts"],
            tuple(told["lora_targets"]),
        )


def _within(root: Path, path: Path) -> Path:
    """A path in the checkout as seen from its root: other hosts have theirs elsewhere."""
    return path.relative_to(root) if path.is_relative_to(root) else path


@dataclass(frozen=True)
class Plan(Generic[SettingsT]):
    """A job, everything that determines its result (as plain data), and the most bytes that it will write."""

    job: Job[SettingsT]
    inputs: Mapping[str, Any]
    needed: int


# A function that trains a job in a folder, from a checkpoint or (None) from the start, and writes `final/`
# and then `result.json` there. A launcher runs its module as a program, see `worker`.
Fit = Callable[[Job[Any], Path, Path | None], None]
