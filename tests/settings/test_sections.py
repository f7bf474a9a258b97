"""A value that cannot work is refused at its section: no stage has to find it."""

import math
import re
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from eva.errors import InputError
from eva.settings.params_file import load_settings

BAD: Sequence[tuple[str, Any, str]] = [
    ("matrix.seeds", [1, 1], "1 is listed more than once"),
    ("matrix.seeds", [], "at least 1 item"),
    ("matrix.seeds", [True], "valid integer"),
    ("matrix.corpora", ["esconv", "esconv"], "esconv is listed more than once"),
    ("matrix.backbones", ["smollm2", "smollm2"], "smollm2 is listed more than once"),
    ("evaluate.metrics", [], "at least 1 item"),
    ("evaluate.metrics", ["length", "length"], "length is listed more than once"),
    ("epitome.mechanisms", [], "at least 1 item"),
    ("epitome.mechanisms", ["ip", "ip"], "ip is listed more than once"),
    ("capability.tasks", ["coqa", "coqa"], "coqa is listed more than once"),
    ("backbones.smollm2.lora_targets", [], "at least 1 item"),
    ("backbones.smollm2.lora_targets", ["q_proj", "q_proj"], "q_proj is listed more than once"),
    ("backbones.smollm2.sha256", "abc", "should match pattern"),
    ("corpora", {}, "at least 1 item"),
    ("variants", {}, "at least 1 item"),
    ("sft.lr", "1.0e-5", "valid number"),
    ("sft.lr", math.inf, "finite number"),
    ("sft.lr", math.nan, "finite number"),
    ("sft.epochs", True, "valid number"),
    ("sft.batch_size", 4.0, "valid integer"),
    ("sft.gradient_checkpointing", 1, "valid boolean"),
    ("sft.gradient_checkpointing", "yes", "valid boolean"),
    ("sft.warmup", 1.0, "less than 1"),
    ("sft.processes", 8, "`launcher: single` starts one process"),
    ("dpo.processes", 8, "set `launcher: torchrun` or `processes: 1`"),
    ("dpo.deepspeed", "infra/deepspeed/zero2.json", "`launcher: single` uses one"),
    ("dpo.dropout", 1.0, "less than 1"),
    ("level_classifier.dropout", 1.0, "less than 1"),
    ("preferences.valid_share", 0.0, "greater than 0"),
    ("preferences.valid_share", 1.0, "less than 1"),
    ("validate.max_label_share", 0.0, "greater than 0"),
    ("collect", {"a": {"corpus": "esconv", "model": "m", "how": "samples", "samples": 1}}, "one candidate"),
    ("data.evad", "data/raw/it's.json", "a quotation mark or a line break"),
    ("corpora.esconv.path", "data/raw\n/esconv", "a quotation mark or a line break"),
    ("capability.after", "base", "`capability.before` is the same"),
    ("report.title", 3, "valid string"),
    ("register.name", "org/eva", "should match pattern"),
    ("register.name", "eva:7b", "should match pattern"),
    ("register.name", "", "should match pattern"),
]


def _with(raw: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    *tables, name = key.split(".")
    table = raw
    for one in tables:
        table = table[one]
    table[name] = value
    return raw


@pytest.fixture
def laptop(root: Any) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load((root / "profiles" / "laptop.yaml").read_text())
    return raw


@pytest.mark.parametrize(("key", "value", "why"), BAD, ids=lambda part: re.sub(r"\W+", "-", str(part))[:40])
def test_refused_with_its_key(laptop: dict[str, Any], key: str, value: Any, why: str) -> None:
    with pytest.raises(InputError) as caught:
        load_settings(_with(laptop, key, value))
    lines = [line for line in str(caught.value).splitlines() if line.startswith(f"  - `{key}")]
    assert any(why in line for line in lines), str(caught.value)


def test_a_branch_of_a_hub_model_is_not_pinned(laptop: dict[str, Any]) -> None:
    row = {"role": "causal", "source": "hub", "id": "org/model", "revision": "main"}
    with pytest.raises(InputError, match="a branch or tag can move; give the commit"):
        load_settings(_with(laptop, "backbones.moving", row))


def test_two_variants_that_are_one(laptop: dict[str, Any]) -> None:
    row = dict(laptop["variants"]["eva"])
    with pytest.raises(
        InputError, match=re.escape("`variants.again` and `variants.eva` have the same training")
    ):
        load_settings(_with(laptop, "variants.again", row))


def test_a_faulty_section_hides_no_fault_of_another(laptop: dict[str, Any]) -> None:
    _with(laptop, "sft.lr", "fast")
    _with(laptop, "register.seed", 9)
    with pytest.raises(InputError, match=r"2 problems(?s:.*)`sft\.lr`(?s:.*)`register\.seed` is 9"):
        load_settings(laptop)
