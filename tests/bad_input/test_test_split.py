"""Nothing of a test split gets into training (ADR 13)."""

import json
from pathlib import Path

import pytest
from tests.bad_input.conftest import Checkout

pytestmark = pytest.mark.slow


def _preferences(checkout: Checkout, prepared: Path) -> str:
    (checkout.path / "models/backbone/tiny_llama").mkdir(parents=True)
    return checkout.refusal(
        "preferences", backbone="tiny_llama", prepared=prepared, evad="data/sample/evad/EVAD.json",
        model="models/backbone/tiny_llama", encoder="models/backbone/tiny_llama",
        out="data/preferences/tiny_llama",
        metrics="metrics/preferences/tiny_llama.json",
    )  # fmt: skip


def _records_of_test_dialogues(checkout: Checkout) -> list[dict[str, object]]:
    """EVAD-format records on the histories of the sample's test dialogues."""
    folder = checkout.path / "data" / "sample" / "esconv"
    dialogues = json.loads((folder / "ESConv.json").read_text())
    records = []
    for position in json.loads((folder / "splits.json").read_text())["test"]:
        said = dialogues[position]["dialog"]
        if said[0]["speaker"] == "seeker":
            history = [{"role": "help-seeker", "content": said[0]["content"]}]
            records.append({"ID": f"{position}_1", "History": history, "Chosen": "Yes.", "Rejected": "No."})
    return records


def test_evad_of_test_dialogues_only(checkout: Checkout, prepared: Path) -> None:
    records = _records_of_test_dialogues(checkout)
    (checkout.path / "data/sample/evad/EVAD.json").write_text(json.dumps(records))
    said = _preferences(checkout, prepared)
    assert f"EVAD: all {len(records)} records belong to test dialogues, which must not be trained on" in said


def test_evad_of_another_corpus(checkout: Checkout, prepared: Path) -> None:
    path = checkout.path / "data/sample/evad/EVAD.json"
    records = json.loads(path.read_text())
    records[2]["History"][0]["content"] = "Nobody ever said this."
    path.write_text(json.dumps(records))
    said = _preferences(checkout, prepared)
    assert f"record {records[2]['ID']}: no dialogue of the corpus starts with this history" in said


def test_a_prepared_dialogue_in_two_splits(checkout: Checkout, prepared: Path) -> None:
    """Two positions with the same text pass `prepare` and stop at the gate."""
    folder = checkout.path / prepared
    first = json.loads((folder / "test.jsonl").read_text().splitlines()[0])
    with (folder / "train.jsonl").open("a") as file:
        file.write(json.dumps(first | {"id": "esconv-999", "position": 999}) + "\n")
    done = checkout.stage(
        "validate", corpus="esconv", prepared=prepared, evad="data/sample/evad/EVAD.json",
        plugins="plugins/corpora",
        out="data/validated/esconv", metrics="metrics/validate/esconv.json",
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert first["id"] in done.stderr
    assert "esconv-999" in done.stderr
    assert json.loads((checkout.path / "data/validated/esconv/verdict.json").read_text())["success"] is False
    assert not (checkout.path / "metrics").exists()
