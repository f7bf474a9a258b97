"""Folders and adapters whose parts do not fit each other are refused with all that is wrong."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.models.broken import ADAPTERS, FOLDERS, SOUND, edit, make_adapter, tensors

from eva.errors import InputError
from eva.models import chat, loading
from eva.models.folder_checks import check_folder
from eva.models.positions import require_positions, usable_positions
from eva.models.tiny import build_tiny
from eva.models.weights import skeleton


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "llama"
    build_tiny("llama", "causal", folder)
    return folder


@pytest.fixture(scope="module")
def adapter(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter") / "lora"
    make_adapter(tiny, folder)
    return folder


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny, tmp_path / "model")


@pytest.mark.parametrize("spoil", FOLDERS, ids=lambda spoil: spoil.__name__)
def test_a_folder_that_does_not_fit_together_is_refused(folder: Path, spoil: Any) -> None:
    spoil(folder)
    with pytest.raises(InputError, match=FOLDERS[spoil]) as refused:
        check_folder(folder, "causal", "backbone mine")
    assert str(folder) not in str(refused.value)
    assert "trust_remote_code" not in str(refused.value)


@pytest.mark.parametrize("change", SOUND, ids=lambda change: change.__name__)
def test_what_is_only_unusual_is_accepted(folder: Path, change: Any) -> None:
    change(folder)
    tokenizer = check_folder(folder, "causal", "backbone mine")
    assert tokenizer.pad_token_id is not None
    assert tokenizer.eos_token_id is not None
    messages = [{"role": "user", "content": "I am sad."}, {"role": "assistant", "content": "I see."}]
    (window,) = chat.encode_dialogue(tokenizer, messages, max_length=512)
    spoken = tokenizer.decode([label for label in window.labels if label != chat.IGNORE])
    assert spoken == "I see." + chat.end_of_turn(tokenizer).text


def test_all_that_is_wrong_comes_at_once(folder: Path) -> None:
    for spoil in ("unknown_architecture", "no_default_template"):
        next(one for one in FOLDERS if one.__name__ == spoil)(folder)
    with pytest.raises(
        InputError, match=r"(?s)does not know the architecture 'hushed'.*none named `default`"
    ):
        check_folder(folder, "causal", "backbone mine")


def test_an_encoder_may_lack_a_pooler_and_bring_a_head(tmp_path: Path) -> None:
    build_tiny("roberta", "encoder", tmp_path)
    weights = tmp_path / "model.safetensors"
    tensors(weights, lambda t: {k: v for k, v in t.items() if not k.startswith("pooler")})
    tensors(weights, lambda t: {**t, "lm_head.bias": t["embeddings.LayerNorm.bias"].clone()})
    check_folder(tmp_path, "encoder", "encoder mine")
    tensors(weights, lambda t: {k: v for k, v in t.items() if "layer.0" not in k})
    with pytest.raises(InputError, match=r"missing from the weights: encoder.layer.0"):
        check_folder(tmp_path, "encoder", "encoder mine")


def test_an_image_token_beyond_the_embeddings_harms_nobody(folder: Path) -> None:
    """Gemma 3 has one: no template for text writes it, and no text becomes it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<image_soft>"]})
    tokenizer.save_pretrained(folder)
    checked = check_folder(folder, "causal", "backbone mine")
    ids = chat.encode_prompt(checked, [{"role": "user", "content": "<image_soft>"}], max_length=512)
    assert max(ids) < 535


@pytest.mark.parametrize("spoil", ADAPTERS, ids=lambda spoil: spoil.__name__)
def test_an_adapter_that_does_not_fit_is_refused_before_weights_load(
    tiny: Path, adapter: Path, tmp_path: Path, spoil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(adapter, tmp_path / "adapter")
    spoil(folder)
    monkeypatch.setattr(loading, "load_model", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InputError, match=ADAPTERS[spoil]):
        loading.load_policy(tiny, folder)


def test_an_adapter_of_another_model_is_refused(adapter: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    size = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "vocab_size": 535}
    LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, **size)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"of another shape than the model's: .* for \[4, 32\]"):
        loading.check_policy(tmp_path, adapter)


def test_an_adapter_that_fits_passes(tiny: Path, adapter: Path) -> None:
    loading.check_policy(tiny, adapter)


def test_checking_reads_no_weights(tiny: Path) -> None:
    model = skeleton(tiny)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}, 512),
        ({"model_type": "llama", "max_position_embeddings": 2048}, 2048),
        ({"model_type": "gpt2", "n_positions": 1024}, 1024),
        (
            {"model_type": "deberta-v2", "max_position_embeddings": 512, "position_biased_input": False},
            None,
        ),
        ({"model_type": "bloom"}, None),
    ],
)
def test_usable_positions(tmp_path: Path, config: dict[str, Any], positions: int | None) -> None:
    (tmp_path / "config.json").write_text("{}")
    edit(tmp_path / "config.json", **config)
    assert usable_positions(tmp_path) == positions
    if positions is not None:
        require_positions(tmp_path, positions, "generate.max_length")
        with pytest.raises(InputError, match=f"generate.max_length is {positions + 1} tokens"):
            require_positions(tmp_path, positions + 1, "generate.max_length")


def test_usable_positions_are_those_that_work(tmp_path: Path) -> None:
    """The number is right: one token more fails in the model itself."""
    import torch
    from transformers import AutoModel

    build_tiny("roberta", "encoder", tmp_path)
    known = usable_positions(tmp_path)
    assert known == 512
    model = AutoModel.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        model(torch.full((1, known), 5))
        with pytest.raises((IndexError, RuntimeError), match=r"out of bounds|out of range"):
            model(torch.full((1, known + 1), 5))
