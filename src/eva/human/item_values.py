"""Automatic metrics of single responses or dialogues, to be correlated with human scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from eva.errors import raise_if
from eva.human.key import Key
from eva.metrics.catalogue import Metric
from eva.metrics.score import ScoreResult
from eva.statistics.estimators import Array, Statistic

CORPUS_ONLY = "is defined only for a whole file"
NEEDS_DIALOGUES = "is defined per dialogue, so whole dialogues must be rated (export with --dialogues)"


@dataclass
class Values:
    """Metric name -> one value for each unit (response or dialogue), and the reasons for missing metrics."""

    by_metric: dict[str, Array] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def response_values(result: ScoreResult, key: Key) -> Values:
    """The value of each metric for each single response of the key, in the order of the key.

    Metrics that count frequent phrases use the phrases of the whole file.

    Raises:
        InputError: an item of the key has no response.
    """
    rows = result.sample.rows
    apart = result.sample.apart()
    place = {row.key: i for i, row in enumerate(rows)}
    _check_covered(key, place)
    wanted = np.array([place[item.dialogue_id, item.turn] for item in key.items])
    return _values(result.chosen, lambda metric: metric.compute(apart), wanted, whole=False)


def dialogue_values(result: ScoreResult, dialogues: Sequence[str]) -> Values:
    """The value of each metric for each single dialogue."""
    place = {name: i for i, name in enumerate(result.sample.dialogues)}
    wanted = np.array([place[name] for name in dialogues])
    return _values(result.chosen, lambda m: result.measured.statistics[m.name], wanted, whole=True)


def _check_covered(key: Key, place: dict[tuple[str, int], int]) -> None:
    raise_if(
        (
            f"{item.name} is dialogue {item.dialogue_id!r} turn {item.turn}, which has no response"
            for item in key.items
            if (item.dialogue_id, item.turn) not in place
        ),
        "responses",
    )


def _values(
    metrics: Sequence[Metric], statistic: Callable[[Metric], Statistic], wanted: Array, *, whole: bool
) -> Values:
    found = Values()
    for metric in metrics:
        if metric.positional and not whole:
            found.left_out[metric.name] = NEEDS_DIALOGUES
            continue
        values = statistic(metric).by_dialogue
        if values is None:
            found.left_out[metric.name] = CORPUS_ONLY
            continue
        found.by_metric[metric.name] = np.nan_to_num(values)[wanted]  # NaN (empty response) becomes 0
    return found


def without_twins(values: Values, unit: str) -> Values:
    """Leave out metrics whose values all equal those of an earlier one (corpus BLEU of one response)."""
    kept = Values(left_out=dict(values.left_out))
    for name, column in values.by_metric.items():
        twin = next((other for other, seen in kept.by_metric.items() if np.allclose(column, seen)), None)
        if twin is None or np.ptp(column) == 0:
            kept.by_metric[name] = column
        else:
            kept.left_out[name] = f"is the same as {twin} for each {unit}"
    return kept


def difference(ours: Values, theirs: Values) -> Values:
    """The values of the first system minus those of the second, for the metrics that both have."""
    shared = [name for name in ours.by_metric if name in theirs.by_metric]
    return Values(
        {name: ours.by_metric[name] - theirs.by_metric[name] for name in shared},
        {**theirs.left_out, **ours.left_out},
    )
