"""The forecast on a machine: what does not fit is refused, what was measured is kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from eva.errors import InputError
from eva.fit import machine_fit, probing, speeds
from eva.fit.architecture import from_config, known_models
from eva.fit.cards import CARDS, smallest
from eva.fit.room import Room
from eva.fit.speeds import MeasuredSpeeds
from eva.fit.startup import Begun
from eva.fit.work import Compute, Decode, Regressions, Small, StartUp, Update, Write
from eva.settings.params_file import Settings, load_settings
from eva.settings.profiles import profile_text

TINY = from_config(known_models()["llama"])
PLENTY = Room("CPU", 64e9, 64e9, 1e12)
GROUPS = ("light", "validation", "models", "training", "scorers", "report", "registry")


@pytest.fixture
def raw(root: Path) -> Any:
    return yaml.safe_load(profile_text(root / "profiles", "smoke"))


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """The sample data, where no DAG tells what is done."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sample").symlink_to(root / "data" / "sample")
    return tmp_path


@pytest.fixture(autouse=True)
def _nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speeds by decree: one second for 1e9 FLOPs, a process begins in two."""
    monkeypatch.setattr(speeds, "begin_all", lambda: {group: Begun(2.0, 10**8) for group in GROUPS})
    monkeypatch.setattr(probing, "compute_rate", lambda *_: 1e9)
    monkeypatch.setattr(probing, "decode_seconds", lambda _, __, rows: 0.1 * rows)
    monkeypatch.setattr(probing, "update_rate", lambda: 1e6)
    monkeypatch.setattr(probing, "regression_rate", lambda: 1e6)


def reported(raw: Any, root: Path, monkeypatch: pytest.MonkeyPatch, room: Room = PLENTY) -> str:
    monkeypatch.setattr(machine_fit, "room", lambda _: room)
    settings: Settings = load_settings(raw)
    return machine_fit.report(settings, root)


def test_the_table_has_a_row_for_every_stage(
    raw: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = reported(raw, checkout, monkeypatch)
    lines = text.splitlines()
    stages = [line.split()[0] for line in lines[1:17]]
    assert stages == [
        "prepare", "validate", "backbone", "preferences", "sft", "dpo", "generate", "level_classifier",
        "epitome", "crisis_detector", "safety", "evaluate", "people", "capability", "report", "register",
    ]  # fmt: skip
    assert lines[17].split()[:2] == ["total", "41"]
    assert "about " in text and " for 41 items" in text
    assert "sft.precision: " in text


def test_what_does_not_fit_is_refused_with_settings_that_do(
    raw: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw["sft"] |= {"batch_size": 64, "max_length": 1024}
    with pytest.raises(InputError) as caught:
        reported(raw, checkout, monkeypatch, replace(PLENTY, memory=0.3e9))
    text = str(caught.value)
    assert "this machine cannot hold what params.yaml asks for: 1 problem" in text
    assert "sft@esconv-tiny_llama-1-wo_ali needs 0." in text
    assert "it fits with sft.batch_size: " in text
    change = text.split("it fits with ")[1].split(", ")[0].split(": ")
    raw["sft"] |= {"batch_size": int(change[1]), "gradient_checkpointing": "gradient_checkpointing" in text}
    assert reported(raw, checkout, monkeypatch, replace(PLENTY, memory=0.3e9))


def test_where_no_setting_helps_a_smaller_backbone_is_the_advice(
    raw: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw["backbones"]["large"] = {
        "role": "causal",
        "source": "hub", "id": "mistralai/Mistral-7B-Instruct-v0.2", "revision": "0" * 40,
    }  # fmt: skip
    raw["matrix"]["backbones"], raw["register"]["backbone"] = ["large"], "large"
    with pytest.raises(InputError) as caught:
        reported(raw, checkout, monkeypatch)
    text = str(caught.value)
    assert "needs 1" in text, "16 bytes a parameter"
    assert "no setting of its section fits: use a smaller backbone" in text
    assert text.count("\n") == 1, "alignment and generation fit: one problem"


def test_a_full_disk_is_refused(raw: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"of disk are needed, but 0\.0 GB are free"):
        reported(raw, checkout, monkeypatch, replace(PLENTY, disk=1e6))


def test_on_a_card_its_own_memory_counts(raw: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Room("a card", 1e6, 64e9, 1e12)
    with pytest.raises(InputError, match=r"on a card, but 0\.0 GB are free"):
        reported(raw, checkout, monkeypatch, card)


def test_an_item_that_is_done_costs_nothing(
    raw: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_fit, "items_to_run", lambda _: frozenset({"report", "register"}))
    text = reported(raw, checkout, monkeypatch)
    assert "0 of 5" in text and "for 2 items" in text
    monkeypatch.setattr(machine_fit, "items_to_run", lambda _: frozenset[str]())
    assert "everything is up to date: nothing would run" in reported(raw, checkout, monkeypatch)


def test_parts_take_what_was_measured(tmp_path: Path) -> None:
    here = MeasuredSpeeds(tmp_path)
    compute = Compute("train", TINY, 1000, 0, 0, 4, 256)
    assert here.seconds(compute, "fp32") == pytest.approx(3 * TINY.flops(1000, 0, 0) / 1e9)
    assert here.seconds(Decode(TINY, 10, 4.5, 100), "fp32") == pytest.approx(10 * 0.45)
    assert here.seconds(Update(2e6, 3), "fp32") == pytest.approx(6)
    assert here.seconds(Regressions(5e5), "fp32") == pytest.approx(0.5)
    assert here.seconds(StartUp("training"), "fp32") > 2
    assert here.seconds(Write(2.5e8), "fp32") == pytest.approx(1)
    assert here.seconds(Small(2), "fp32") > 0


def test_speeds_are_kept_and_not_believed_when_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Update(1e6, 1)
    assert MeasuredSpeeds(tmp_path).seconds(part, "fp32") == pytest.approx(1)
    monkeypatch.setattr(probing, "update_rate", lambda: 2e6)
    assert MeasuredSpeeds(tmp_path).seconds(part, "fp32") == pytest.approx(1), "kept"
    file = next(tmp_path.glob("*.json"))
    kept = json.loads(file.read_text())
    kept["speeds"]["update"] = 1.0
    file.write_text(json.dumps(kept))
    assert MeasuredSpeeds(tmp_path).seconds(part, "fp32") == pytest.approx(0.5), "measured again"
    file.write_text("{")
    assert MeasuredSpeeds(tmp_path).seconds(part, "fp32") == pytest.approx(0.5)


def test_cards_by_memory() -> None:
    assert [card.memory for card in CARDS] == sorted(card.memory for card in CARDS)
    found = smallest(20e9)
    assert found is not None and found.memory == 24e9
    assert smallest(23e9) is not None and smallest(23e9) != found
    assert smallest(1e12) is None
