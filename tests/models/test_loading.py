"""What loads, what is refused before it loads, and the two pointer files."""

import pytest

from eva.errors import InputError
from eva.models import loading
from eva.models.tiny import build_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "llama"
    build_tiny("llama", "causal", folder)
    return folder


@pytest.mark.parametrize(
    "pointer",
    [
        loading.Start(model="models/backbone/tiny", fingerprint=None, digest="0a"),
        loading.Policy(model="models/sft/x", adapter=None, prompt="cot", fingerprint="1b"),
    ],
)
def test_pointer_files_round_trip(tmp_path, pointer):
    pointer.write(tmp_path / "pointer.json")
    assert type(pointer).read(tmp_path / "pointer.json") == pointer


def test_a_pointer_with_other_keys_is_refused(tmp_path):
    loading.Start("m", None, "0a").write(tmp_path / "start.json")
    with pytest.raises(InputError, match=r"adapter, .*model, prompt"):
        loading.Policy.read(tmp_path / "start.json")


def test_a_folder_without_safetensors_is_refused_by_name(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match=r"pytorch_model\.bin, which would be unpickled"):
        loading.load_model(tmp_path)


def test_all_problems_of_a_folder_come_at_once(tmp_path):
    with pytest.raises(InputError, match=r"(?s)2 problems.*config\.json.*safetensors"):
        loading.load_model(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        loading.load_model(tmp_path / "missing")
    with pytest.raises(InputError, match="no tokenizer"):
        loading.load_tokenizer(tmp_path)


def test_a_missing_adapter_is_refused_before_the_model_loads(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "load_model", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InputError, match=r"adapter_model\.safetensors"):
        loading.load_policy(tiny, tmp_path)


def test_the_adapter_takes_part_in_both_precisions(tiny, tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", init_lora_weights=False
    )
    adapted = get_peft_model(loading.load_model(tiny), config).eval()
    adapted.save_pretrained(tmp_path)
    ids = torch.arange(5, 25)[None]
    with torch.inference_mode():
        wanted = adapted(ids).logits
        base = loading.load_policy(tiny, None)(ids).logits
        merged = loading.load_policy(tiny, tmp_path)
        half = loading.load_policy(tiny, tmp_path, "bfloat16")
        assert not torch.allclose(base, wanted, atol=1e-3)
        assert torch.allclose(merged(ids).logits, wanted, atol=1e-5)
        near, far = ((half(ids).logits.float() - other).abs().mean() for other in (wanted, base))
    assert near < far / 4
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert any("lora" in name for name, _ in half.named_parameters())
