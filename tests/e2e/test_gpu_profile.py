"""The path of profile `gpu` under its own settings, on a tiny model built as SmolLM2-1.7B is.

The card's memory and hours are `eva fit --profile gpu`'s; here only sizes are small.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipelines.runner import load, run
from tests.models.families import FAMILIES
from tests.models.test_families import tokenizer_of

from eva.settings.profiles import profile_text

pytestmark = pytest.mark.slow

BACKBONE = "smollm2_1_7b"
ITEM = f"esconv-{BACKBONE}-1-eva"


def build_like_smollm2_1_7b(folder: Path) -> None:
    """Its configuration (tied embeddings, a key head for each head, its RoPE) and template, but small."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tokenizer_of(FAMILIES["smollm_2"])
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=256, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=8192, rope_theta=130000,
        rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def settings(root: Path, model: Path) -> dict[str, Any]:
    """Profile `gpu` with other data, another backbone of the same kind, and less to do."""
    given: dict[str, Any] = yaml.safe_load(profile_text(root / "profiles", "gpu"))
    laptop: dict[str, Any] = yaml.safe_load(profile_text(root / "profiles", "laptop"))
    given["corpora"], given["data"] = laptop["corpora"], laptop["data"]
    given["backbones"][BACKBONE] = {
        "role": "causal", "source": "local", "id": str(model),
        "lora_targets": ["q_proj", "k_proj", "v_proj", "o_proj"],
    }  # fmt: skip
    # The sample's supporters send one message a turn, and a random model writes no pairs that pass the gate.
    given["preferences"] = laptop["preferences"]
    given["generate"] |= {"max_dialogues": 2, "max_new_tokens": 8}
    assert given["sft"]["extra"] == {"optim": "adafactor"}
    assert {given[name]["precision"] for name in ("sft", "dpo", "generate")} == {"bf16"}
    assert given["sft"]["gradient_checkpointing"] and given["dpo"]["gradient_checkpointing"]
    return given


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the parts that the profile asks for are used."""
    import torch
    from transformers.optimization import Adafactor

    found: Counter[str] = Counter()
    step, again = Adafactor.step, torch.utils.checkpoint.checkpoint

    def counted_step(self: Any, *words: Any, **named: Any) -> Any:
        found["adafactor"] += 1
        return step(self, *words, **named)

    def counted_again(*words: Any, **named: Any) -> Any:
        found["checkpointed", torch.is_autocast_enabled("cpu")] += 1  # type: ignore[index]
        return again(*words, **named)

    monkeypatch.setattr(Adafactor, "step", counted_step)
    monkeypatch.setattr("torch.utils.checkpoint.checkpoint", counted_again)
    monkeypatch.setattr("transformers.modeling_utils.checkpoint", counted_again)
    return found


def _stage(name: str, *words: str) -> None:
    run(load(name), words)


def _data() -> None:
    evad = ("--evad", "data/sample/evad/EVAD.json")
    _stage(
        "prepare", "esconv", "--raw", "data/sample/esconv", "--plugins", "plugins", "--out", "prepared",
        "--metrics", "prepared.json",
    )  # fmt: skip
    _stage("backbone", BACKBONE, "--out", "backbone")
    _stage(
        "preferences", BACKBONE, "--prepared", "prepared", *evad, "--model", "backbone", "--encoder",
        "encoder", "--out", "pairs", "--metrics", "pairs.json",
    )  # fmt: skip


def _answer(root: Path, out: Path) -> str:
    """A reply of the model, registered as the stage `register` and `eva registry push` do."""
    from eva.models.loading import Policy
    from eva.registry import registration
    from eva.registry.model_folder import DATA, build_model
    from eva.registry.package import Guard, Package, Weights
    from eva.registry.served_chat import open_model

    which = Policy.read(Path("dpo/policy.json"))
    assert which.adapter
    package = Package(  # as the stage fills it, which needs the scores of all variants
        name="tiny-gpu",
        axes=dict(zip(("corpus", "backbone", "seed", "variant"), ITEM.split("-"), strict=True)),
        model=Weights.of(which.model, root),
        adapter=Weights.of(which.adapter, root),
        prompt=which.prompt,
        generate=yaml.safe_load(Path("params.yaml").read_text())["generate"],
        metrics={},
        policy={},
        guard=Guard("rules", "Please talk to a person.", None, None),
    )
    folder = build_model(package, "---\nlicense: other\n---\n", out, root)
    model = open_model(folder / DATA, registration.config_of(folder, "pushed"), root)
    return registration.chat(model, [{"role": "user", "content": "I lost my job."}])


def test_every_stage_of_the_chain(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: Counter[str]
) -> None:
    from eva.models.tiny import build_tiny

    build_like_smollm2_1_7b(tmp_path / "given")
    build_tiny("roberta", "encoder", tmp_path / "encoder")
    for name in ("data", "plugins"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "sample").symlink_to(root / "data" / "sample")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings(root, tmp_path / "given")))
    monkeypatch.chdir(tmp_path)
    _data()

    before = calls["adafactor"]
    _stage(
        "sft", ITEM, "--prepared", "prepared", "--model", "backbone", "--out", "sft", "--metrics", "sft.json",
        "--plots", "sft.csv",
    )  # fmt: skip
    acquired = json.loads(Path("sft.json").read_text())
    assert calls["adafactor"] - before == acquired["steps"] > 1
    assert calls["checkpointed", True] > 0, "activations are made again, in bfloat16"  # type: ignore[index]

    _stage(
        "dpo", ITEM, "--preferences", "pairs", "--start", "sft", "--out", "dpo", "--metrics", "dpo.json",
        "--plots", "dpo.csv",
    )  # fmt: skip
    assert json.loads(Path("dpo.json").read_text())["lora_b_moved"] > 0

    _stage(
        "generate", ITEM, "--prepared", "prepared", "--policy", "dpo", "--out", "said.jsonl", "--provenance",
        "origin.json", "--metrics", "said.json",
    )  # fmt: skip
    assert json.loads(Path("origin.json").read_text())["precision"] == "bf16"
    assert json.loads(Path("said.json").read_text())["responses"] > 0
    assert _answer(tmp_path, tmp_path / "pushed" / "model").strip()
