"""The gate that decides whether a model's metrics are good enough for an alias (`mlflow/policy.yaml`)."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from eva.artifacts import read_yaml
from eva.errors import InputError, raise_if


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


class Alias(BaseModel):
    """An alias: its meaning, and the limits of metrics that a model has to meet to get it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    meaning: str
    requires: dict[str, Bound]


class PromotionPolicy(BaseModel):
    """The content of the policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aliases: dict[str, Alias]


@dataclass(frozen=True)
class Decision:
    """The decision of the gate; `reasons` lists every requirement that is not met."""

    alias: str
    passed: bool
    reasons: list[str]


def read_policy(path: Path) -> PromotionPolicy:
    """Read the policy file; an `InputError` lists all its problems."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; it says which metrics a model needs to get an alias")
    try:
        return PromotionPolicy.model_validate(read_yaml(path))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise_if(faults, str(path))
        raise


def requirements(alias: str, policy: Path) -> dict[str, Bound]:
    """Metric -> limits that a model has to meet to get `alias`; `InputError` if there is no such alias."""
    aliases = read_policy(policy).aliases
    if alias not in aliases:
        raise InputError(
            f"{alias!r} is not in {policy} (it has {', '.join(sorted(aliases))}); "
            "add it there with what it requires, or choose one of these"
        )
    return aliases[alias].requires


def gate(metrics: Mapping[str, float | None], alias: str, policy: Path) -> Decision:
    """Compare `metrics` with the limits of `alias`; a missing or non-finite value never passes."""
    reasons = [
        f"{name} {fault}"
        for name, bound in requirements(alias, policy).items()
        for fault in _faults(bound, metrics.get(name))
    ]
    return Decision(alias, not reasons, reasons)


def _faults(bound: Bound, value: float | None) -> Iterator[str]:
    if value is None:
        yield "was not measured"
    elif not math.isfinite(value):
        yield f"is {value}, not a finite number"
    else:
        yield from bound.faults(value)
