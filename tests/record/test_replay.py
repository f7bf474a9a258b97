from pathlib import Path

import pytest

from eva.artifacts import read_json, write_json
from eva.errors import InputError
from eva.record import mlflow_store as stores
from eva.record import read_record, record_path, stage_run
from eva.record.replay import replay

ITEM = {"corpus": "esconv"}


def execute(root: Path, value: float) -> None:
    out = root / "out.txt"
    out.write_text(str(value))
    with stage_run(
        "prepare", ITEM, {"prepare": {"seed": 0}}, {"raw": root / "corpus.jsonl"}, root=root
    ) as run:
        run.announce()
        run.log_metrics({"rows": value})
        run.log_history([{"step": 1, "rows": value}])
        run.log_outputs({"out": out})


def contents(root: Path) -> list[object]:
    """Everything a person sees of the runs, ids and write times aside."""
    opened = stores.connect(root)
    runs = [opened.client.get_run(run.info.run_id) for run in opened.find(stage="prepare")]
    own = {"mlflow.parentRunId", "eva.host", "eva.pid", "mlflow.user"}
    return [
        (
            run.info.run_name,
            run.info.status,
            run.info.start_time,
            run.info.end_time,
            run.data.metrics,
            run.data.params,
            {key: value for key, value in run.data.tags.items() if key not in own},
            [entry.dataset.digest for entry in run.inputs.dataset_inputs],
        )
        for run in runs
    ]


def test_replay_into_an_empty_store_gives_the_same_record(checkout: Path, empty_database: Path) -> None:
    execute(checkout, 1)
    execute(checkout, 2)
    before = contents(checkout)
    (checkout / "mlflow.db").write_bytes(empty_database.read_bytes())
    assert contents(checkout) == []

    done = replay(checkout)
    assert (done.logged, done.present) == (2, 0)
    assert contents(checkout) == before
    latest = read_record(record_path(checkout, "prepare", ITEM))
    assert latest.metrics["rows"] == 2
    opened = stores.connect(checkout)
    (run,) = opened.find(record=latest.digest)
    assert run.data.metrics["rows"] == 2
    parent = opened.client.get_run(run.data.tags["mlflow.parentRunId"])
    assert parent.info.run_name.startswith("by hand ")

    again = replay(checkout)
    assert (again.logged, again.present) == (0, 2)
    assert contents(checkout) == before


def test_replay_logs_a_run_that_mlflow_was_absent_for(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        execute(checkout, 3)
    assert replay(checkout).logged == 1
    latest = read_record(record_path(checkout, "prepare", ITEM))
    (run,) = stores.connect(checkout).find(record=latest.digest)
    assert run.info.status == "FINISHED"


def test_replay_completes_a_run_whose_logging_broke_off(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stores, "_log_files", lambda *_: (_ for _ in ()).throw(ConnectionError("gone")))
        execute(checkout, 4)
    assert "gone" in caplog.text
    (begun,) = stores.connect(checkout).find(stage="prepare")
    run_id = begun.info.run_id
    assert begun.info.status == "RUNNING"
    assert replay(checkout).logged == 1
    assert [run.info.run_id for run in stores.connect(checkout).find(stage="prepare")] == [run_id]
    assert stores.connect(checkout).client.get_run(run_id).info.status == "FINISHED"


def test_a_file_that_is_no_record_is_named(checkout: Path) -> None:
    execute(checkout, 1)
    path = record_path(checkout, "prepare", ITEM)
    write_json(path, {**read_json(path), "colour": "blue"})
    with pytest.raises(InputError, match=r"esconv\.json: not the record of a run.*colour"):
        replay(checkout)
