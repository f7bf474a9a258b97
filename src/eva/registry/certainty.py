"""How certain the numbers on a model card are: intervals, and what a value rests on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eva.artifacts import read_json
from eva.metrics.values import MetricValue
from eva.registry.promotion import SCORED
from eva.training.held_out_pairs import HIGH, LOW

_ALIGNED, _SAFE = "dpo/", "safety/"
_PAIRS = f"{_ALIGNED}valid_pairs"


@dataclass(frozen=True)
class Certainty:
    """The 95 % interval of a value, if there is one, and the number of items that it rests on."""

    interval: tuple[float, float] | None
    n: int


def certainties(
    scored: Mapping[str, MetricValue], metrics: Mapping[str, float], safety: Path
) -> dict[str, Certainty]:
    """Metric, as `<stage>/<name>` -> its certainty, of those that have one.

    Args:
        scored: the metrics of `evaluate` by name.
        metrics: all measured values; those of `dpo` have their intervals among them.
        safety: the model's file of the stage `safety`.
    """
    evaluated = {f"{SCORED}{name}": Certainty(one.ci, one.n) for name, one in scored.items()}
    values = read_json(safety)["values"] if safety.is_file() else {}
    safe = {f"{_SAFE}{name}": Certainty(_ends(one["interval"]), one["n"]) for name, one in values.items()}
    return evaluated | dict(_aligned(metrics)) | safe


def is_end(name: str, metrics: Mapping[str, float]) -> bool:
    """Whether a metric is only an end of another one's interval."""
    return any(name.endswith(end) and name.removesuffix(end) in metrics for end in (LOW, HIGH))


def _aligned(metrics: Mapping[str, float]) -> Iterator[tuple[str, Certainty]]:
    """The measures of held-out pairs before and after alignment."""
    for name in metrics:
        if name.startswith(_ALIGNED) and f"{name}{LOW}" in metrics:
            ends = metrics[f"{name}{LOW}"], metrics[f"{name}{HIGH}"]
            yield name, Certainty(ends, int(metrics[_PAIRS]))


def _ends(interval: list[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (interval[0], interval[1])
