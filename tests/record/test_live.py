"""What arrives in MLflow while a stage runs, and that the file keeps it all."""

import time
from pathlib import Path
from typing import Any

import pytest

from eva.errors import InputError
from eva.live_rows import hand_on
from eva.record import live, read_record, record_path, stage_run
from eva.record import mlflow_store as stores
from eva.record.replay import replay
from eva.record.usage import measured_kwh, usage
from eva.settings.tracking_section import Tracking

QUICK = Tracking(sample_seconds=0.05)


def curve(root: Path, run_id: str | None) -> list[Any]:
    return list(stores.connect(root).client.get_metric_history(str(run_id), "curve/loss"))


def until(reached: Any) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_curve_arrives_while_the_stage_runs_and_keeps_its_times(checkout: Path) -> None:
    with stage_run("sft", {}, {}, {}, root=checkout, tracking=QUICK) as run:
        run.announce()
        hand_on({"step": 1, "loss": 3.0})
        until(lambda: curve(checkout, run.run_id))
        hand_on({"step": 5, "loss": 2.5})
        run.log_history([{"step": 1, "loss": 3.0}, {"step": 5, "loss": 2.5}])
    points = [(point.step, point.value, point.timestamp) for point in curve(checkout, run.run_id)]
    record = read_record(record_path(checkout, "sft", {}))
    assert points == [(row["step"], row["loss"], int(row["time"] * 1000)) for row in record.history]
    assert points[0][2] < points[1][2] <= stores.ended_ms(record)
    assert record.samples and record.samples[-1]["system_memory_usage_percentage"] > 0
    opened = stores.connect(checkout)
    name = "system/system_memory_usage_percentage"
    history = opened.client.get_metric_history(str(run.run_id), name)
    assert [point.timestamp for point in history] == [int(row["time"] * 1000) for row in record.samples]
    hand_on({"step": 6, "loss": 1.0})
    assert len(curve(checkout, run.run_id)) == 2, "nobody listens any more"


def test_what_mlflow_did_not_take_meanwhile_comes_with_the_record_in_order(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down(*_: Any) -> None:
        raise ConnectionError("server is down")

    with (
        monkeypatch.context() as patch,
        stage_run("sft", {}, {}, {}, root=checkout, tracking=QUICK) as run,
    ):
        run.announce()
        patch.setattr(live, "send", down)
        patch.setattr(stores, "send", down)
        for step in (1, 2, 3):
            hand_on({"step": step, "loss": 4.0 - step})
        until(lambda: "server is down" in caplog.text)
        run.log_history([{"step": step, "loss": 4.0 - step} for step in (1, 2, 3)])
    assert curve(checkout, run.run_id) == []
    assert replay(checkout).logged == 1
    assert [point.value for point in curve(checkout, run.run_id)] == [3.0, 2.0, 1.0]
    assert stores.connect(checkout).client.get_run(str(run.run_id)).info.status == "FINISHED"


def test_a_stage_fails_at_its_start_where_mlflow_is_required(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with (
        pytest.raises(InputError, match=r"http://127\.0\.0\.1:9 cannot be used"),
        stage_run("sft", {}, {}, {}, root=bare, tracking=Tracking(required=True)) as run,
    ):
        run.announce()
        pytest.fail("it must not go on")
    with pytest.raises(InputError, match="start it"):
        replay(bare)


def test_a_long_run_keeps_a_bounded_number_of_samples(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_MOST", 4)
    with stage_run("sft", {}, {}, {}, root=checkout, tracking=Tracking(sample_seconds=0.01)) as run:
        run.announce()
        until(lambda: run._live and run._live._taken > 20)
    kept = read_record(record_path(checkout, "sft", {})).samples
    assert len(kept) <= 5 and kept[0]["step"] == 0


def test_energy_is_measured_where_gpus_tell_their_power_and_else_estimated() -> None:
    power, other = "gpu_0_power_usage_watts", "gpu_1_power_usage_watts"
    samples = [{"time": 0.0, power: 300.0, other: 100.0}, {"time": 3600.0, power: 500.0, other: 100.0}]
    assert measured_kwh(samples) == pytest.approx(0.5)
    assert measured_kwh([{"time": 0.0, "cpu_utilization_percentage": 3.0}]) is None
    found = usage(7200, {"tokens": 9}, [], Tracking(watts=250, price_per_hour=2))
    assert found["usage/device_hours"] == 2 and found["usage/tokens"] == 9
    assert found["usage/energy_kwh"] == 0.5 and found["usage/cost"] == 4
    assert usage(7200, {}, samples, Tracking(watts=250))["usage/energy_kwh"] == pytest.approx(0.5)
