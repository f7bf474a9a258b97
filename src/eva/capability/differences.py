"""Comparison of two models on lm-eval tasks: each metric before and after, and its standard error."""

import logging
import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from numbers import Real
from pathlib import Path
from typing import Any

from eva.artifacts import digest_path
from eva.capability.lm_eval_tasks import find_tasks, run_tasks
from eva.models.loading import Policy
from eva.settings.capability_section import Capability

log = logging.getLogger(__name__)

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one task, in the unit of the task; `difference` is after minus before.

    `stderr` is the standard error of the difference over the `n` documents of the task. If the metric is
    a mean over documents, it is computed from the differences of the documents (`paired`). Otherwise it
    comes from the standard errors of both models as if their documents were independent, which is too
    large; None if lm-eval gives no standard errors.
    """

    before: float
    after: float
    difference: float
    stderr: float | None
    paired: bool
    n: int
    higher_is_better: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scores by `task/metric`: of the tasks in the settings, and (`parts`) of the members of task groups."""

    scores: dict[str, Score]
    parts: dict[str, Score]
    provenance: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(before: Policy, after: Policy, settings: Capability) -> Comparison:
    """Run the tasks of the settings on two variants, one after the other, on the same documents.

    Raises:
        InputError: a task is unknown or cannot run; raised before a model is loaded.
    """
    manager = find_tasks(settings.tasks, settings.task_path)
    log.info("%s: before and after", ", ".join(settings.tasks))
    found = [run_tasks(policy, manager, settings) for policy in (before, after)]
    asked = set(_asked(found[0], settings))
    scores = {task: dict(differences(task, found[0], found[1])) for task in found[0]["results"]}
    return Comparison(
        scores={name: score for task in scores if task in asked for name, score in scores[task].items()},
        parts={name: score for task in scores if task not in asked for name, score in scores[task].items()},
        provenance={
            "before": _origin(before),
            "after": _origin(after),
            "lm_eval": version("lm_eval"),
            "versions": dict(found[0]["versions"]),
            "shots": dict(found[0]["n-shot"]),
        },
    )


def _asked(found: Results, settings: Capability) -> Iterator[str]:
    """The tasks that the settings name, directly or by a tag; not the members of a group."""
    members = {member for below in found["group_subtasks"].values() for member in below}
    for task in found["results"]:
        if task in settings.tasks or task not in members:
            yield task


def _origin(policy: Policy) -> dict[str, str | None]:
    adapter = digest_path(Path(policy.adapter)) if policy.adapter else None
    return {"model": digest_path(Path(policy.model)), "adapter": adapter}


def differences(task: str, before: Results, after: Results) -> Iterator[tuple[str, Score]]:
    """The scores of one task, by `task/metric`, or `task/metric/filter` if a metric has several filters."""
    row = before["results"][task]
    keys = [key for key, value in row.items() if "," in key and "_stderr," not in key and _is_number(value)]
    metrics = [key.partition(",")[0] for key in keys]
    for key, metric in zip(keys, metrics, strict=True):
        values = row[key], after["results"][task].get(key)
        if not all(map(_is_number, values)):
            log.warning("%s %s is left out: it is not a number for both models", task, metric)
            continue
        name = metric if metrics.count(metric) == 1 else key.replace(",", "/")
        yield f"{task}/{name}", _score(task, key, before, after)


def _score(task: str, key: str, before: Results, after: Results) -> Score:
    first, second = (float(found["results"][task][key]) for found in (before, after))
    stderr = _paired_error(task, key, before, after, second - first)
    metric = key.partition(",")[0]
    return Score(
        before=first,
        after=second,
        difference=second - first,
        stderr=stderr if stderr is not None else _unpaired_error(task, key, before, after),
        paired=stderr is not None,
        n=int(before["results"][task]["sample_len"]),
        higher_is_better=before["higher_is_better"].get(task, {}).get(metric),
    )


def _paired_error(task: str, key: str, before: Results, after: Results, difference: float) -> float | None:
    """Standard error of the mean difference over documents; None if `difference` is not such a mean."""
    pairs = zip(_values(task, key, before), _values(task, key, after), strict=True)
    changes = [
        float(second) - float(first)
        for first, second in pairs
        if isinstance(first, Real) and isinstance(second, Real)
    ]
    if len(changes) < 2 or not math.isclose(statistics.fmean(changes), difference, abs_tol=1e-9):
        return None
    return statistics.stdev(changes) / math.sqrt(len(changes))


def _values(task: str, key: str, found: Results) -> list[Any]:
    """The value of a metric for each document; the documents of a group are those of its members."""
    below = found["group_subtasks"].get(task)
    if below is not None:
        return [value for member in below for value in _values(member, key, found)]
    metric, _, chosen = key.partition(",")
    return [row.get(metric) for row in found["samples"][task] if row["filter"] == chosen]


def _unpaired_error(task: str, key: str, before: Results, after: Results) -> float | None:
    metric, _, chosen = key.partition(",")
    errors = [found["results"][task].get(f"{metric}_stderr,{chosen}") for found in (before, after)]
    return math.hypot(*errors) if all(map(_is_number, errors)) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
