"""What differs between two recorded runs: data, parameters, code and metrics."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from eva.record.changes import flatten
from eva.record.known_runs import KnownRun
from eva.record.mlflow_store import known_params

ABSENT = "-"
_NOT_COMPARED = ("system/", "usage/")  # they differ each time


@dataclass(frozen=True)
class Difference:
    """One fact and its value in either run; `ABSENT` where a run does not have it."""

    name: str
    left: str
    right: str


def compare(left: KnownRun, right: KnownRun) -> dict[str, list[Difference]]:
    """The differences by section: `data`, `params`, `code`, `metrics`.

    Stages that a pipeline run took from the cache count with the run that made them.
    """
    sections = {"data": _data, "params": _params, "code": _code, "metrics": _metrics}
    return {name: list(_different(facts(left), facts(right))) for name, facts in sections.items()}


def _different(left: Mapping[str, str], right: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*left, *right}):
        ours, theirs = left.get(name, ABSENT), right.get(name, ABSENT)
        if ours != theirs:
            yield Difference(name, ours, theirs)


def _data(run: KnownRun) -> dict[str, str]:
    """The digests of what was read and made by no stage."""
    made = {entry.path for record in run.results.values() for entry in record.outputs.values()}
    read = {entry.path: entry.digest for record in run.results.values() for entry in record.inputs.values()}
    around = {path for path in read for other in made if other.startswith(f"{path}/")}
    return {path: digest[:12] for path, digest in read.items() if path not in made | around}


def _params(run: KnownRun) -> dict[str, str]:
    found: dict[str, str] = {}
    for record in run.results.values():
        found |= flatten({**record.upstream_settings, **record.settings})
    for record in run.own:  # what the run itself obeyed stands over what it rests on
        found |= flatten(
            {name: value for name, value in known_params(record).items() if name not in record.item}
        )
    return found


def _code(run: KnownRun) -> dict[str, str]:
    latest = run.own[-1]
    return {
        "commit": latest.commit or ABSENT,
        "changed files": "yes" if latest.dirty else "no",
        "digest of code and params": latest.pipeline,
        **{f"version of {name}": version for name, version in latest.versions.items()},
        **{name: chosen for record in run.results.values() for name, chosen in record.precision.items()},
    }


def _metrics(run: KnownRun) -> dict[str, str]:
    return {
        f"{record.name} {name}": f"{value:.6g}"
        for record in run.results.values()
        for name, value in record.metrics.items()
        if not name.startswith(_NOT_COMPARED)
    }
