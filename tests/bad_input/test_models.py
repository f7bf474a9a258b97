"""What cannot be trained on, or used, is refused before a model loads: one message, exit code 2."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from tests.bad_input.conftest import Checkout
from tests.models.broken import ADAPTERS, FOLDERS, SOUND, Spoil, make_adapter, no_pad_and_no_end

from eva.data.dialogue import Preference
from eva.models.loading import Policy, Start
from eva.models.tiny import build_tiny

pytestmark = pytest.mark.slow

ITEM = "esconv-tiny_llama-1-eva"
WITHOUT_END = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


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
    (_without_end_token, "writes no end-of-turn token after each assistant turn"),
]


def _backbone(checkout: Checkout, source: Path) -> str:
    params = yaml.safe_load((checkout.path / "params.yaml").read_text())
    params["backbones"]["tiny_llama"] = {"role": "causal", "source": "local", "id": str(source)}
    (checkout.path / "params.yaml").write_text(yaml.safe_dump(params))
    return checkout.refusal("backbone", backbone="tiny_llama", out="models/out/tiny_llama")


def _by_name(spoil: Spoil) -> str:
    return spoil.__name__


@pytest.fixture
def folder(checkout: Checkout, tiny: Path) -> Path:
    """A sound model folder, as a user has it."""
    return Path(shutil.copytree(tiny, checkout.path / "mine"))


@pytest.mark.parametrize("spoil", FOLDERS, ids=_by_name)
def test_backbone_refuses_a_folder_that_does_not_fit_together(
    checkout: Checkout, folder: Path, spoil: Spoil
) -> None:
    spoil(folder)
    said = _backbone(checkout, folder)
    assert re.search(FOLDERS[spoil], said)
    assert "backbone tiny_llama (local " in said  # whose fault it is, and no temporary folder
    assert "/." not in said
    assert "trust" not in said


@pytest.mark.parametrize("change", SOUND, ids=_by_name)
def test_backbone_accepts_what_is_only_unusual(checkout: Checkout, folder: Path, change: Spoil) -> None:
    change(folder)
    checkout.edit(backbones__tiny_llama={"role": "causal", "source": "local", "id": str(folder)})
    done = checkout.stage("backbone", backbone="tiny_llama", out="models/backbone/tiny_llama")
    assert done.returncode == 0, done.stderr


def test_what_has_no_padding_token_trains(checkout: Checkout, prepared: Path, folder: Path) -> None:
    no_pad_and_no_end(folder)
    checkout.edit(backbones__tiny_llama={"role": "causal", "source": "local", "id": str(folder)})
    done = checkout.stage("backbone", backbone="tiny_llama", out="models/backbone/tiny_llama")
    assert done.returncode == 0, done.stderr
    done = checkout.stage("sft", **_sft_arguments(prepared))
    assert done.returncode == 0, done.stderr


def _policy(checkout: Checkout, folder: Path, spoil: Spoil, variant: str = "eva") -> None:
    """The variant's model with an adapter that does not fit."""
    adapter = checkout.path / "adapter"
    if not adapter.is_dir():
        make_adapter(folder, adapter)
        spoil(adapter)
    Policy("mine", "adapter", "eva", None).write(checkout.path / "dpo" / variant / "policy.json")


@pytest.mark.parametrize("spoil", ADAPTERS, ids=_by_name)
def test_generate_refuses_an_adapter_that_does_not_fit(
    checkout: Checkout, prepared: Path, folder: Path, spoil: Spoil
) -> None:
    _policy(checkout, folder, spoil)
    said = checkout.refusal(
        "generate", corpus="esconv", backbone="tiny_llama", seed=1, variant="eva", prepared=prepared,
        policy="dpo/eva", out="made/eva.jsonl", provenance="made/eva.json", metrics="metrics/eva.json",
    )  # fmt: skip
    assert re.search(ADAPTERS[spoil], said)


def test_capability_refuses_an_adapter_that_does_not_fit(checkout: Checkout, folder: Path) -> None:
    pytest.importorskip("lm_eval", reason="pip install -e '.[capability]' -c constraints.txt")
    spoil = next(iter(ADAPTERS))
    for variant in ("base", "eva"):
        _policy(checkout, folder, spoil, variant)
    tasks = [path.stem for path in (checkout.path / "data/sample/tasks").glob("*.yaml")][:1]
    checkout.edit(capability__tasks=tasks)
    said = checkout.refusal(
        "capability",
        **{"corpus": "esconv", "backbone": "tiny_llama", "seed": 1, "before": "dpo/base", "after": "dpo/eva"},
        **{"task-path": "data/sample/tasks", "out": "capability/1.json", "metrics": "metrics/1.json"},
    )
    assert re.search(ADAPTERS[spoil], said)


def _sft_arguments(prepared: Path) -> dict[str, object]:
    return {
        "corpus": "esconv", "backbone": "tiny_llama", "seed": 1, "variant": "eva", "prepared": prepared,
        "model": "models/backbone/tiny_llama", "out": f"models/sft/{ITEM}",
        "metrics": f"metrics/sft/{ITEM}.json", "plots": f"plots/sft/{ITEM}.csv",
    }  # fmt: skip


def _sft(checkout: Checkout, prepared: Path) -> str:
    return checkout.refusal("sft", **_sft_arguments(prepared))


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
    assert "no tokens to train on" in said


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


def test_level_classifier_refuses_more_tokens_than_its_encoder_has_positions(
    checkout: Checkout, prepared: Path, tiny: Path
) -> None:
    """RoBERTa counts positions from behind its padding token: of 514 it uses 512."""
    build_tiny("roberta", "encoder", checkout.path / "encoder")
    checkout.edit(level_classifier__max_length=514)
    said = checkout.refusal(
        "level_classifier", prepared=prepared, labels="data/sample/levels/levels.jsonl", encoder="encoder",
        probe=tiny, out="models/levels", metrics="metrics/levels.json", plots="plots/levels.csv",
    )  # fmt: skip
    assert "level_classifier.max_length is 514 tokens, but encoder can read at most 512" in said
