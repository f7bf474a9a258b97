"""General capability before and after training, in the layout of the paper's Table 13."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.report.paper_values import GENERAL_ABILITY
from eva.statistics.verdicts import Verdict, verdict

_SHARES = ("acc", "em", "exact_match", "f1", "pass@")  # from 0 to 1, printed in percent
_CRITICAL = 1.96  # critical value of a two-sided test at the 5 % level


@dataclass(frozen=True)
class CapabilityRow:
    """One metric of one task, in printed units; `paper` values are in the row of a task's last metric.

    `versus` is the verdict on the model after training; None without a standard error.
    """

    name: str
    before: float
    after: float
    difference: float
    stderr: float | None
    n: int
    higher_is_better: bool | None
    versus: Verdict | None
    paper: tuple[float, float] | None = None


@dataclass(frozen=True)
class CapabilityTable:
    """The results of two variants of one corpus, backbone and seed."""

    corpus: str
    backbone: str
    seed: int
    before: str
    after: str
    rows: tuple[CapabilityRow, ...]


def capability_tables(folder: Path, runs: Iterable[tuple[str, str, int]]) -> list[CapabilityTable]:
    """The tables of `runs` whose file `<folder>/<corpus>-<backbone>-<seed>.json` has scores."""
    files = {run: folder / f"{'-'.join(map(str, run))}.json" for run in dict.fromkeys(runs)}
    tables = [_table(*run, read_json(path)) for run, path in files.items() if path.is_file()]
    return [table for table in tables if table.rows]


def _table(corpus: str, backbone: str, seed: int, found: Mapping[str, Any]) -> CapabilityTable:
    scores = found["scores"]
    names = sorted(scores, key=lambda name: (_place(name), name))
    last = {_task(name): name for name in names}
    rows = [_row(name, scores[name], shows_paper=last[_task(name)] == name) for name in names]
    return CapabilityTable(corpus, backbone, seed, found["before"], found["after"], tuple(rows))


def _task(name: str) -> str:
    return name.partition("/")[0]


def _place(name: str) -> int:
    """Sort key: the paper's tasks in its order, then the others."""
    return (
        list(GENERAL_ABILITY).index(_task(name)) if _task(name) in GENERAL_ABILITY else len(GENERAL_ABILITY)
    )


def _row(name: str, score: Mapping[str, Any], *, shows_paper: bool) -> CapabilityRow:
    unit = 100.0 if name.partition("/")[2].startswith(_SHARES) else 1.0
    return CapabilityRow(
        name=name,
        before=unit * score["before"],
        after=unit * score["after"],
        difference=unit * score["difference"],
        stderr=None if score["stderr"] is None else unit * score["stderr"],
        n=score["n"],
        higher_is_better=score["higher_is_better"],
        versus=_versus(score),
        paper=GENERAL_ABILITY.get(_task(name)) if shows_paper else None,
    )


def _versus(score: Mapping[str, Any]) -> Verdict | None:
    difference, stderr = score["difference"], score["stderr"]
    within_noise = None if stderr is None else abs(difference) <= _CRITICAL * stderr
    return verdict(difference, within_noise=within_noise, higher_is_better=score["higher_is_better"])
