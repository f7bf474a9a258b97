"""The items are those of the DAG, and cost what their settings say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from eva.fit.inputs import Inputs
from eva.fit.items import costs
from eva.fit.stage_cost import Format, StageCost
from eva.fit.work import Compute, Decode
from eva.settings.params_file import Settings, load_settings
from eva.settings.precision import Precision
from eva.settings.profiles import profile_text


def fp32(precision: Precision, where: str) -> Format:
    return "fp32"


@pytest.fixture
def raw(root: Path) -> Any:
    return yaml.safe_load(profile_text(root / "profiles", "smoke"))


def costed(raw: Any, root: Path) -> dict[str, StageCost]:
    settings: Settings = load_settings(raw)
    return {cost.name: cost for cost in costs(Inputs(settings, root), fp32, root)}


def test_the_items_are_those_that_dvc_reads(root: Path) -> None:
    from dvc.repo import Repo

    settings = load_settings(yaml.safe_load((root / "params.yaml").read_text()))
    with Repo(str(root)) as repo:
        known = {stage.name for stage in repo.index.stages if stage.name}
    assert {cost.name for cost in costs(Inputs(settings, root), fp32, root)} == known


def test_an_item_that_only_points_costs_its_start(raw: Any, root: Path) -> None:
    found = costed(raw, root)
    for name in (
        "sft@esconv-tiny_llama-1-base",
        "dpo@esconv-tiny_llama-1-wo_ali",
        "capability@esconv-tiny_llama-1",
    ):
        assert (found[name].parts, found[name].group) == ((), "light")
    assert found["sft@esconv-tiny_llama-1-eva"].group == "training"


def test_steps_are_the_trainers(raw: Any, root: Path) -> None:
    raw["sft"] |= {"max_train": 6, "epochs": 3, "batch_size": 4, "accumulation": 1, "max_length": 4096}
    assert costed(raw, root)["sft@esconv-tiny_llama-1-wo_ali"].steps == 6
    raw["sft"]["accumulation"] = 2
    assert costed(raw, root)["sft@esconv-tiny_llama-1-wo_ali"].steps == 3


def test_variants_that_acquire_the_same_model_train_it_once(raw: Any, root: Path) -> None:
    found = costed(raw, root)
    first, second = (found[f"sft@esconv-tiny_llama-1-{name}"] for name in ("wo_ali", "eva"))
    assert (first.steps > 0, second.steps, second.passing) == (True, 0, 0)
    assert 0 < second.lasting < first.lasting, "in the workspace once more; DVC's cache has it"


def test_more_to_train_costs_in_proportion(raw: Any, root: Path) -> None:
    def trained() -> Compute:
        parts = costed(raw, root)["sft@esconv-tiny_llama-1-wo_ali"].parts
        return next(part for part in parts if isinstance(part, Compute) and part.kind == "train")

    once = trained()
    raw["sft"]["epochs"] *= 2
    assert trained().tokens == pytest.approx(2 * once.tokens)
    raw["sft"]["gradient_checkpointing"] = True
    kinds = [
        p.kind for p in costed(raw, root)["sft@esconv-tiny_llama-1-wo_ali"].parts if isinstance(p, Compute)
    ]
    assert kinds == ["train", "forward", "forward"]


def test_generation_grows_the_answers_of_all_dialogues_together(raw: Any, root: Path) -> None:
    raw["generate"] |= {"max_dialogues": 2, "max_new_tokens": 10, "batch_size": 64, "max_length": 4096}
    cost = costed(raw, root)["generate@esconv-tiny_llama-1-base"]
    decode = next(part for part in cost.parts if isinstance(part, Decode))
    assert decode.steps == 10, "as many as the longest answer has tokens"
    raw["generate"]["batch_size"] = 1
    alone = next(
        part
        for part in costed(raw, root)["generate@esconv-tiny_llama-1-base"].parts
        if isinstance(part, Decode)
    )
    assert alone.steps == pytest.approx(5 * cost.steps + 5), "one after the other, half as long in the mean"
    assert alone.rows < 1 < decode.rows


def test_pairs_that_a_model_must_write_are_generated(raw: Any, root: Path) -> None:
    read = costed(raw, root)["preferences@tiny_llama"]
    assert (read.group, read.steps) == ("models", 0), "pairs are measured by an encoder"
    raw["preferences"] |= {"recipe": "public", "rejected": "model", "max_pairs": 5}
    asked = costed(raw, root)["preferences@tiny_llama"]
    assert (asked.group, asked.steps) == ("models", 5)


def test_a_served_model_trains_nothing(raw: Any, root: Path) -> None:
    raw["backbones"]["tiny_llama"] = {
        "role": "causal", "source": "endpoint", "id": "a-model", "trainable": False,
    }  # fmt: skip
    raw["level_classifier"]["probe"] = raw["epitome"]["probe"] = "other"
    raw["backbones"]["other"] = {"role": "causal", "source": "random", "id": "llama"}
    found = costed(raw, root)
    assert all(found[f"{stage}@esconv-tiny_llama-1-eva"].parts == () for stage in ("sft", "dpo", "generate"))


def test_what_nobody_knows_is_said(raw: Any, root: Path) -> None:
    raw["backbones"]["tiny_llama"] |= {"source": "hub", "id": "some/model", "revision": "0" * 40}
    assert costed(raw, root)["sft@esconv-tiny_llama-1-eva"].unknown == "the shape of tiny_llama"


def test_a_corpus_that_is_not_here_counts_as_published(raw: Any, root: Path) -> None:
    raw["corpora"]["esconv"]["path"] = "data/raw/nowhere"
    raw["sft"] |= {"max_train": None, "batch_size": 1, "epochs": 1}
    settings = load_settings(raw)
    inputs = Inputs(settings, root)
    found = {cost.name: cost for cost in costs(inputs, fp32, root)}
    assert found["sft@esconv-tiny_llama-1-wo_ali"].steps == 422
    assert any("as published" in one for one in inputs.guessed)
