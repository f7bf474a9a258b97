"""Standings of models with a known difference, made from sums over dialogues."""

from collections.abc import Mapping

import numpy as np

from eva.metrics.description import Description
from eva.metrics.measured import Measured
from eva.metrics.score_file import Scores
from eva.metrics.values import MetricValue
from eva.registry.standing import Standing
from eva.statistics.estimators import Statistic

SCORERS = {"level": "a" * 64}


def described(name: str, higher: bool | None) -> Description:
    return Description(
        name=name, family="f", heading=name, unit="", definition="mean", higher_is_better=higher,
        bounds=(None, None),
    )  # fmt: skip


def scores(
    means: Mapping[str, float], n: int = 40, *, seed: int = 1, noise: float = 0.1, scorers: object = SCORERS
) -> Scores:
    """One response in each of `n` dialogues; `low` is better when low, all others when high."""
    rng = np.random.default_rng(seed)
    columns = {
        name: np.stack([mean + noise * rng.standard_normal(n), np.ones(n)], axis=1)
        for name, mean in means.items()
    }
    about = {name: described(name, name != "low") for name in means}
    statistics = {name: Statistic(sums=column, n=n) for name, column in columns.items()}
    values = {name: MetricValue(statistics[name].value, n, None, True, about[name]) for name in means}
    turns = tuple((f"d{i}", 1) for i in range(n))
    provenance = {"resamples": 500, "confidence": 0.95, "bootstrap_seed": 0, "scorers": scorers}
    return Scores(values, Measured(turns, statistics, about), [], {}, [], provenance)


def standing(name: str, *several: Scores, **values: float) -> Standing:
    """Values are given as `stage__name`."""
    flat = {key.replace("__", "/"): value for key, value in values.items()}
    return Standing(name, flat, dict(enumerate(several, start=1)))
