"""The forecast beside the records: what an item took, and where there is nothing to compare."""

from pathlib import Path
from typing import Any

import pytest

from eva.artifacts import write_json
from eva.errors import InputError
from eva.fit.checking import comparison
from eva.fit.forecast import Forecast
from eva.fit.stage_cost import StageCost

RECORD: dict[str, Any] = {
    "status": "FINISHED", "settings": {}, "params_digest": "", "inputs": {}, "outputs": {}, "metrics": {},
    "history": [], "artifacts": [], "commit": None, "dirty": False, "pipeline": "", "command": "",
    "versions": {},
}  # fmt: skip


def ran(root: Path, stage: str, item: str, started: str, seconds: float, mib: float) -> None:
    given = {"stage": stage, "item": {"corpus": item}, "started": f"2026-01-01T00:{started}+00:00"}
    path = root / "runs" / stage / f"{item}.json"
    write_json(path, {**RECORD, **given, "seconds": seconds, "peak_rss_mb": mib})


def told(name: str, seconds: float | None, memory: float) -> Forecast:
    return Forecast(StageCost(name, "light"), seconds, memory, 0.0)


def test_an_item_took_what_passed_since_the_one_before_it(tmp_path: Path) -> None:
    ran(tmp_path, "prepare", "a", "00:00", 10, 1000)
    ran(tmp_path, "prepare", "b", "00:15", 5, 2000)  # a start of 5 seconds, and 5 of work
    ran(tmp_path, "sft", "a", "10:00", 90, 4000)  # after a pause
    forecasts = [
        told("prepare@a", 30, 1e9), told("prepare@b", 10, 1e9), told("sft@a", 45, 8e9), told("sft@c", 1, 1),
        told("dpo@a", None, 1),
    ]  # fmt: skip
    lines = [line.split() for line in comparison(forecasts, tmp_path).splitlines()]
    assert lines[1] == ["prepare", "2", "40", "s", "20", "s", "2.00", "1.0", "GB", "2.1", "GB", "0.48"]
    assert lines[2] == ["sft", "1", "45", "s", "2", "min", "0.50", "8.0", "GB", "4.2", "GB", "1.91"]
    assert lines[3][:7] == ["total", "3", "85", "s", "2", "min", "0.77"]


def test_where_nothing_ran_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no stage of these settings has run here"):
        comparison([told("prepare@a", 1, 1)], tmp_path)
