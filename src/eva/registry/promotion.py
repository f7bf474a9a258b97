"""The policy of promotion (`mlflow/policy.yaml`): what a model must show before people use it."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eva.artifacts import read_yaml
from eva.errors import InputError, raise_if
from eva.registry.gate_decision import Check

CHALLENGER, CHAMPION = "challenger", "champion"  # the aliases: passed the gate; in use
SCORED = "evaluate/"  # the metrics that have sums over dialogues, so paired intervals


class Bound(BaseModel):
    """The limits of a metric; without a limit it must only be measured and finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None

    def faults(self, value: float) -> Iterator[str]:
        """A message for every limit that `value` breaks."""
        if self.above is not None and not value > self.above:
            yield f"is {value:g}, must be above {self.above:g}"
        if self.at_least is not None and not value >= self.at_least:
            yield f"is {value:g}, must be at least {self.at_least:g}"
        if self.below is not None and not value < self.below:
            yield f"is {value:g}, must be below {self.below:g}"
        if self.at_most is not None and not value <= self.at_most:
            yield f"is {value:g}, must be at most {self.at_most:g}"


class Margin(BaseModel):
    """The loss that is tolerated, in the metric's unit; of `evaluate/` metrics the direction is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    margin: float = Field(ge=0)
    higher_is_better: bool | None = None


class PromotionPolicy(BaseModel):
    """The content of the policy file.

    Attributes:
        baseline: the variant that a model is compared with, besides the present champion.
        requires: metrics that must be measured and finite, and their limits.
        better: metrics on which it must be better than both, beyond noise.
        not_worse: metrics on which it must not be worse than either by more than a margin.
        lineage: `committed`: every run behind the model had its code and settings in a commit; `recorded`:
            it is enough that every run is known.
        champion: who makes a challenger the champion: a person's `approval`, or the `gate` itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    baseline: str
    requires: dict[str, Bound] = {}
    better: tuple[str, ...] = ()
    not_worse: dict[str, Margin] = {}
    lineage: Literal["committed", "recorded"] = "committed"
    champion: Literal["approval", "gate"] = "approval"

    @model_validator(mode="after")
    def _known_directions(self) -> Self:
        problems = [
            f"better: {name} has no values by dialogue, so no interval; list metrics of `{SCORED}`"
            for name in self.better
            if not name.startswith(SCORED)
        ]
        problems += [
            f"not_worse.{name}: say `higher_is_better: true` or `false`"
            for name, one in self.not_worse.items()
            if one.higher_is_better is None and not name.startswith(SCORED)
        ]
        twice = sorted({*self.better} & {*self.not_worse})
        problems += [f"{name}: is in `better` and in `not_worse`" for name in twice]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def read_policy(path: Path) -> PromotionPolicy:
    """Read the policy file; an `InputError` lists all its problems."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; it says what a model must show before people use it")
    try:
        return PromotionPolicy.model_validate(read_yaml(path))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise_if((fault.removeprefix(": ") for fault in faults), str(path))
        raise


def requirement_checks(policy: PromotionPolicy, values: Mapping[str, float | None]) -> Iterator[Check]:
    """One check for each required metric; a missing or non-finite value never passes."""
    for name, bound in policy.requires.items():
        faults = list(_faults(bound, values.get(name)))
        said = "; ".join(f"{name} {fault}" for fault in faults)
        yield Check(f"requires {name}", not faults, said or f"{name} is {values[name]:g}")


def _faults(bound: Bound, value: float | None) -> Iterator[str]:
    if value is None:
        yield "was not measured"
    elif not math.isfinite(value):
        yield f"is {value}, not a finite number"
    else:
        yield from bound.faults(value)
