"""What a training returns, and how it is written down."""

from dataclasses import asdict, dataclass
from pathlib import Path

from eva.artifacts import read_json, write_json

Row = dict[str, float]


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    `metrics` and `history` (one row a logged step, from step 1) follow from the inputs alone;
    `seconds`, `resumed_from` (step) and `reused` tell how this execution came by them.
    """

    metrics: dict[str, float]
    history: list[Row]
    fingerprint: str
    reused: bool
    seconds: float
    resumed_from: int | None


@dataclass(frozen=True)
class Outcome:
    """What the training process leaves behind for the process that started it."""

    metrics: dict[str, float]
    history: list[Row]
    seconds: float
    resumed_from: int | None

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Outcome":
        return cls(**read_json(path))
