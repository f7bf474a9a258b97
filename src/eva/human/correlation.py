"""Spearman correlation of automatic metrics with human scores (paper Appendix H, Table 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from eva.errors import raise_if
from eva.human.item_values import (
    Values,
    dialogue_values,
    difference,
    response_values,
    without_twins,
)
from eva.human.key import Key
from eva.human.ratings import Counts, Ratings
from eva.metrics.score import ScoreResult
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Resampling, infer
from eva.statistics.estimators import Array, influence_of
from eva.statistics.holm import holm
from eva.statistics.spread import Estimate

FEWEST = 4  # items below which a rank correlation says nothing
_NEARLY_ONE = 1 - 1e-9  # Fisher's z of a perfect correlation is infinite
_DIGITS = 9  # means that are equal but for the order of their summands have to tie


@dataclass(frozen=True)
class Correlation:
    """Spearman's rho of one metric with the human score of one criterion over `n` units.

    Two systems: the metric's difference against the mean of win (1), tie (0), lose (-1), both from
    the first system's view. One system: the metric against the share of yes. `unit` is `response`
    or `dialogue` (mean human score of its responses). Interval and p-value come from one studentised
    bootstrap over dialogues of Fisher's z of rho; `p_adjusted` is corrected for all correlations (Holm).
    """

    metric: str
    criterion: str
    unit: str
    rho: float
    ci: tuple[float, float] | None
    p_value: float | None
    p_adjusted: float | None
    n: int
    n_dialogues: int

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ci": None if self.ci is None else list(self.ci)}


@dataclass(frozen=True)
class Correlations:
    """The correlations, and one line for each reason why metrics are left out."""

    rows: list[Correlation]
    left_out: list[str]


@dataclass(frozen=True)
class _Unit:
    """The metric values and human scores of the same units, and the dialogue of each unit."""

    name: str
    values: Values
    human: dict[str, Array]
    dialogue_of: Counts


def correlate(ratings: Ratings, results: Sequence[Sequence[ScoreResult]], settings: Evaluate) -> Correlations:
    """Correlate every metric with every criterion, over responses and, if rated whole, over dialogues.

    Args:
        ratings: the human ratings.
        results: for each system of the study, one or more results with metrics.
        settings: bootstrap resamples, confidence level and seed.
    """
    units = [_responses(ratings, results)]
    if ratings.key.whole_dialogues:
        units.append(_dialogues(ratings, results))
    rows, left_out = [], []
    for unit in units:
        found, undefined = _correlated(unit, settings)
        rows += found
        left_out += _by_reason({**unit.values.left_out, **undefined}, unit.name)
    return Correlations(_adjusted(rows), left_out)


def _adjusted(rows: Sequence[Correlation]) -> list[Correlation]:
    """Rows with p-values corrected for their number."""
    tested = [one.p_value for one in rows if one.p_value is not None]
    adjusted = iter(holm(tested))
    return [one if one.p_value is None else replace(one, p_adjusted=next(adjusted)) for one in rows]


def _by_reason(reasons: Mapping[str, str], unit: str) -> list[str]:
    """One line for each reason, with all names for which it holds."""
    names: dict[str, list[str]] = {}
    for name, why in reasons.items():
        names.setdefault(why, []).append(name)
    return [f"{', '.join(several)}, per {unit}: {why}" for why, several in names.items()]


def order_systems(key: Key, digests: Sequence[str], names: Sequence[str]) -> list[int]:
    """For each system of the key, the index of its file; files are given by sha256 digest and name.

    Raises:
        InputError: a system has no file, or a file belongs to no system.
    """
    absent = [system for system in key.systems if system.sha256 not in digests]
    problems = [
        f"none of the files is {system.name} as it was when the sheets were made" for system in absent
    ]
    known = {system.sha256 for system in key.systems}
    problems += [
        f"{name} is not a file of this study"
        for name, digest in zip(names, digests, strict=True)
        if digest not in known
    ]
    raise_if(problems, "--responses")
    return [list(digests).index(system.sha256) for system in key.systems]


def _merged(parts: Sequence[Values]) -> Values:
    merged = Values()
    for part in parts:
        merged.by_metric |= part.by_metric
        merged.left_out |= part.left_out
    return merged


def _net(systems: Sequence[Values], unit: str) -> Values:
    return without_twins(systems[0] if len(systems) == 1 else difference(systems[0], systems[1]), unit)


def _responses(ratings: Ratings, results: Sequence[Sequence[ScoreResult]]) -> _Unit:
    values = [_merged([response_values(result, ratings.key) for result in one]) for one in results]
    human = {one.name: ratings.scores(one.name) for one in ratings.key.form.criteria}
    return _Unit("response", _net(values, "response"), human, ratings.dialogue_of()[1])


def _dialogues(ratings: Ratings, results: Sequence[Sequence[ScoreResult]]) -> _Unit:
    dialogues, dialogue_of = ratings.dialogue_of()
    values = [_merged([dialogue_values(result, dialogues) for result in one]) for one in results]
    sizes = np.bincount(dialogue_of)
    human = {
        one.name: np.bincount(dialogue_of, weights=ratings.scores(one.name)) / sizes
        for one in ratings.key.form.criteria
    }
    return _Unit("dialogue", _net(values, "dialogue"), human, np.arange(len(dialogues)))


def _correlated(unit: _Unit, settings: Evaluate) -> tuple[list[Correlation], dict[str, str]]:
    """The correlations of the unit, and name -> reason of metrics and criteria without one."""
    n, alike = len(unit.dialogue_of), f"the same for every {unit.name}"
    if n < FEWEST:
        few = f"{n} rated {unit.name}s are too few for a rank correlation"
        return [], dict.fromkeys(unit.values.by_metric, few)
    metrics = {name: values.round(_DIGITS) for name, values in unit.values.by_metric.items()}
    humans = {name: scores.round(_DIGITS) for name, scores in unit.human.items()}
    undefined = {name: alike for name, values in metrics.items() if np.ptp(values) == 0}
    undefined |= {f"human score of {name}": alike for name, scores in humans.items() if np.ptp(scores) == 0}
    without = (1 - np.eye(int(unit.dialogue_of.max()) + 1))[:, unit.dialogue_of]
    ranked = {name: weighted_ranks(values, without) for name, values in metrics.items() if np.ptp(values)}
    rows = []
    for criterion, scores in ((name, scores) for name, scores in humans.items() if np.ptp(scores)):
        judged = weighted_ranks(scores, without)
        for metric, ranks in ranked.items():
            left = (ranks * judged).sum(axis=1)
            rows.append(_correlation(unit, metric, criterion, metrics[metric], scores, left, settings))
    return rows, undefined


def _correlation(
    unit: _Unit,
    metric: str,
    criterion: str,
    values: Array,
    human: Array,
    without: Array,
    settings: Evaluate,
) -> Correlation:
    """One correlation; `without` (dialogues,) holds rho with each dialogue left out."""
    from scipy.stats import spearmanr

    rho = float(spearmanr(values, human).statistic)
    z = np.arctanh(np.clip([rho, *without], -_NEARLY_ONE, _NEARLY_ONE))
    found = infer(Estimate(float(z[0]), influence_of(z[1:])), Resampling.of(settings), difference=True)
    return Correlation(
        metric=metric,
        criterion=criterion,
        unit=unit.name,
        rho=rho,
        ci=None if found.ci is None else (float(np.tanh(found.ci[0])), float(np.tanh(found.ci[1]))),
        p_value=found.p_value,
        p_adjusted=None,
        n=len(human),
        n_dialogues=int(unit.dialogue_of.max()) + 1,
    )


def weighted_ranks(values: Array, weights: Array) -> Array:
    """Standardised ranks of `values` in bootstrap resamples, for Spearman's rho.

    The sum of the products of two such rows is Spearman's rho in that resample; ties get their mean rank,
    as in scipy.

    Args:
        values: (n,) one value for each unit.
        weights: (k, n) how often each unit is in each of k resamples.

    Returns:
        (k, n) ranks; NaN in resamples where all values are equal.
    """
    _, codes = np.unique(values, return_inverse=True)
    held = weights @ np.eye(codes.max() + 1)[codes]
    ranks = (held.cumsum(axis=1) - held + (held + 1) / 2)[:, codes]
    centred = ranks - (ranks * weights).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    spread = np.sqrt((weights * centred**2).sum(axis=1, keepdims=True))
    scaled = np.sqrt(weights) * centred
    standard: Array = np.divide(scaled, spread, out=np.full_like(scaled, np.nan), where=spread > 1e-9)
    return standard
