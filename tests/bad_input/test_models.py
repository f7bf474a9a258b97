"""What cannot be trained on is refused before a model loads (its weights are damaged here)."""

import json
from pathlib import Path

import pytest
import yaml
from tests.bad_input.conftest import Checkout

from eva.data.dialogue import Preference
from eva.models.loading import Start

pytestmark = pytest.mark.slow

ITEM = "esconv-tiny_llama-1-eva"
WITHOUT_END = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"


def _without_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def _without_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def _without_end_token(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(WITHOUT_END)


SPOILT = [
    (_without_tokenizer, "no tokenizer (none of tokenizer.json"),
    (_without_template, "has no chat template"),
    (_without_end_token, "writes no end-of-turn token after an assistant turn"),
]


def _backbone(checkout: Checkout, source: Path) -> str:
    params = yaml.safe_load((checkout.path / "params.yaml").read_text())
    params["backbones"]["tiny_llama"] = {"role": "causal", "source": "local", "id": str(source)}
    (checkout.path / "params.yaml").write_text(yaml.safe_dump(params))
    return checkout.refusal("backbone", backbone="tiny_llama", out="models/out/tiny_llama")


def _sft(checkout: Checkout, prepared: Path) -> str:
    return checkout.refusal(
        "sft", corpus="esconv", backbone="tiny_llama", seed=1, variant="eva", prepared=prepared,
        model="models/backbone/tiny_llama", out=f"models/sft/{ITEM}", metrics=f"metrics/sft/{ITEM}.json",
        plots=f"plots/sft/{ITEM}.csv",
    )  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_backbone_refuses_a_folder(checkout: Checkout, unloadable: Path, spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    spoil(unloadable)
    assert said in _backbone(checkout, unloadable)


@pytest.mark.parametrize(("spoil", "said"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_sft_refuses_a_backbone(
    checkout: Checkout, prepared: Path, unloadable: Path, spoil, said: str
) -> None:  # type: ignore[no-untyped-def]
    spoil(unloadable)
    assert said in _sft(checkout, prepared)


def test_sft_refuses_zero_supervised_tokens(checkout: Checkout, prepared: Path, unloadable: Path) -> None:
    path = checkout.path / prepared / "train.jsonl"
    dialogues = [json.loads(line) for line in path.read_text().splitlines()]
    for dialogue in dialogues:
        dialogue["turns"] = dialogue["turns"][:1]
    path.write_text("".join(json.dumps(dialogue) + "\n" for dialogue in dialogues))
    said = _sft(checkout, prepared)
    assert "sft: train split" in said
    assert "zero supervised tokens" in said


def test_sft_refuses_an_empty_split(checkout: Checkout, prepared: Path, unloadable: Path) -> None:
    (checkout.path / prepared / "train.jsonl").write_text("")
    assert "sft: train split: 1 problem\n  - no dialogue" in _sft(checkout, prepared)


def test_dpo_refuses_a_lora_target_that_matches_no_module(checkout: Checkout, unloadable: Path) -> None:
    checkout.edit(backbones__tiny_llama__lora_targets=["q_proj", "query_key_value", "w_pack"])
    start = checkout.path / "models" / "sft" / ITEM
    start.mkdir(parents=True)
    Start("models/backbone/tiny_llama", None, "0").write(start / "start.json")
    history = ({"role": "user", "content": "I lost my job."},)
    pairs = checkout.path / "data" / "preferences" / "tiny_llama"
    pairs.mkdir(parents=True)
    for split in ("train", "valid"):
        pair = Preference(f"{split}-1", f"{split}-d", 1, 2, history, "That is hard.", "Cheer up!")
        (pairs / f"{split}.jsonl").write_text(json.dumps(pair.to_dict()) + "\n")
    said = checkout.refusal(
        "dpo", corpus="esconv", backbone="tiny_llama", seed=1, variant="eva",
        preferences="data/preferences/tiny_llama", start=f"models/sft/{ITEM}", out=f"models/dpo/{ITEM}",
        metrics=f"metrics/dpo/{ITEM}.json", plots=f"plots/dpo/{ITEM}.csv",
    )  # fmt: skip
    assert "lora_targets: 2 problems" in said
    assert "'query_key_value' matches no module" in said
    assert "'w_pack' matches no module" in said
    assert "v_proj" in said
