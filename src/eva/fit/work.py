"""The work of a stage, in units whose speed can be measured on a machine or looked up for a GPU."""

from dataclasses import dataclass, replace
from typing import Literal

from eva.fit.architecture import Architecture

Kind = Literal["forward", "train", "adapt"]
# Cost of one step in forward passes: a backward pass costs two, or one if only an adapter is trained and
# the weights need no gradient.
_PASSES = {"forward": 1.0, "train": 3.0, "adapt": 2.0}


@dataclass(frozen=True)
class Compute:
    """Tokens processed by a model: forward pass only, full training, or training an adapter (`adapt`).

    `squares` is the sum of the squared sequence lengths, `scored` the tokens that need the head. A batch
    has `rows` sequences of about `length` tokens; small batches are slower per token.
    """

    kind: Kind
    model: Architecture
    tokens: float
    squares: float
    scored: float
    rows: int
    length: int

    def times(self, factor: float) -> "Compute":
        """The same work repeated `factor` times."""
        return replace(
            self, tokens=self.tokens * factor, squares=self.squares * factor, scored=self.scored * factor
        )

    @property
    def flops(self) -> float:
        return _PASSES[self.kind] * self.model.flops(self.tokens, self.squares, self.scored)


@dataclass(frozen=True)
class Update:
    """Steps of Adam over `parameters`."""

    parameters: float
    steps: float


@dataclass(frozen=True)
class Decode:
    """`steps` of decoding, each of which adds one token to `rows` responses on average."""

    model: Architecture
    steps: float
    rows: float
    context: int


@dataclass(frozen=True)
class Regressions:
    """Logistic regressions; `cells` is rows times columns, summed over all regressions."""

    cells: float


Group = Literal["light", "validation", "models", "training", "scorers", "report", "registry"]


@dataclass(frozen=True)
class StartUp:
    """The start of a process: Python, the libraries of a group, MLflow, and DVC's own work."""

    group: Group


@dataclass(frozen=True)
class Small:
    """Work that is not modelled: its seconds on the reference machine of the start-up times."""

    seconds: float


@dataclass(frozen=True)
class Write:
    """Writing and hashing of `size` bytes."""

    size: float


Part = Compute | Update | Decode | Regressions | StartUp | Small | Write
