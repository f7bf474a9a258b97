"""What a stage does, in units whose speed can be measured on a machine or looked up for a card."""

from dataclasses import dataclass, replace
from typing import Literal

from eva.fit.architecture import Architecture

Kind = Literal["forward", "train", "adapt"]
# Passes over the weights in one step, in units of a forward pass: backward costs two, or one where
# only an adapter learns and the weights need no gradient.
_PASSES = {"forward": 1.0, "train": 3.0, "adapt": 2.0}


@dataclass(frozen=True)
class Compute:
    """Tokens through a model: read (`forward`), trained on in full, or with an adapter (`adapt`).

    `squares` is the sum of the squared sequence lengths, `scored` the tokens that need the head.
    `rows` sequences of about `length` tokens go through at once; small batches are slower.
    """

    kind: Kind
    model: Architecture
    tokens: float
    squares: float
    scored: float
    rows: int
    length: int

    def times(self, factor: float) -> "Compute":
        """The same over and over."""
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
    """`steps` of generation, each of which adds one token to `rows` responses on average."""

    model: Architecture
    steps: float
    rows: float
    context: int


@dataclass(frozen=True)
class Regressions:
    """Logistic regressions; `cells` are rows times columns, summed over all of them."""

    cells: float


Group = Literal["light", "validation", "models", "training", "scorers", "report", "registry"]


@dataclass(frozen=True)
class StartUp:
    """A process that begins: Python, the libraries of a group, MLflow, DVC's own work around it."""

    group: Group


@dataclass(frozen=True)
class Small:
    """Work that is not modelled: its seconds on the machine that the start-up times are relative to."""

    seconds: float


@dataclass(frozen=True)
class Write:
    """Bytes that are written and hashed."""

    size: float


Part = Compute | Update | Decode | Regressions | StartUp | Small | Write
