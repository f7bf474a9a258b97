"""The result of a training, and its file."""

from dataclasses import asdict, dataclass
from pathlib import Path

from eva.artifacts import read_json, write_json

Row = dict[str, float]


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    `metrics` and `history` (one row per logged step, from step 1) depend only on the inputs. `seconds`,
    `resumed_from` (step) and `reused` describe this execution: a training can be new, resumed or reused.
    """

    metrics: dict[str, float]
    history: list[Row]
    fingerprint: str
    reused: bool
    seconds: float
    resumed_from: int | None


@dataclass(frozen=True)
class Outcome:
    """Results that the training process writes for the process that started it."""

    metrics: dict[str, float]
    history: list[Row]
    seconds: float
    resumed_from: int | None

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Outcome":
        return cls(**read_json(path))
