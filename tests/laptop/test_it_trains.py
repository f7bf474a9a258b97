"""It really trains: checks of the laptop run that is in this checkout (`make run` makes it)."""

import json
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from eva.settings.params_file import read_settings

ROOT = Path(__file__).resolve().parents[2]
ITEM = "esconv-smollm2-1"
VARIANTS = ("base", "cot", "wo_acq", "wo_ali", "eva")


@pytest.fixture(scope="module", autouse=True)
def _laptop_run() -> None:
    if not (ROOT / "metrics" / "report.json").is_file():
        pytest.skip("no laptop run in this checkout: `make run` first")
    if "smollm2" not in read_settings(ROOT / "params.yaml").matrix.backbones:
        pytest.skip("params.yaml is not the laptop profile: `eva params use laptop`, then `make run`")


def read(path: str) -> Any:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def responses(variant: str) -> dict[tuple[str, int], str]:
    lines = (ROOT / f"responses/{ITEM}-{variant}.jsonl").read_text(encoding="utf-8").splitlines()
    return {(row["dialogue_id"], row["turn"]): row["response"] for row in map(json.loads, lines)}


def test_held_out_nll_falls_by_acquisition() -> None:
    metrics = read(f"metrics/sft/{ITEM}-wo_ali.json")
    assert metrics["nll_after"] < metrics["nll_before"]


@pytest.mark.parametrize("variant", ["wo_acq", "eva"])
def test_alignment_starts_at_its_reference_and_learns(variant: str) -> None:
    metrics = read(f"metrics/dpo/{ITEM}-{variant}.json")
    assert metrics["loss_first_step"] == pytest.approx(math.log(2), abs=1e-6)
    assert metrics["accuracy_after"] > 0.5
    assert metrics["lora_b_moved"] == metrics["lora_b_total"] > 0


@pytest.mark.parametrize(("one", "other"), list(combinations(VARIANTS, 2)))
def test_the_variants_answer_differently(one: str, other: str) -> None:
    ours, theirs = responses(one), responses(other)
    assert ours.keys() == theirs.keys()
    assert sum(ours[key] != theirs[key] for key in ours) > len(ours) / 2


@pytest.mark.parametrize("mechanism", ["ip", "ex", "er"])
def test_epitome_scorers_beat_the_majority_class(mechanism: str) -> None:
    metrics = read(f"metrics/epitome/{mechanism}.json")
    assert metrics["accuracy"] > metrics["majority_accuracy"]


def test_the_level_classifier_beats_the_majority_class() -> None:
    metrics = read("metrics/level_classifier.json")
    assert metrics["accuracy"] > metrics["majority_accuracy"]
    assert metrics["four/accuracy"] > metrics["four/majority_accuracy"]


def test_the_report_has_every_variant() -> None:
    table = (ROOT / "report" / "comparison.txt").read_text(encoding="utf-8")
    assert all(f"{name} " in table for name in VARIANTS)
