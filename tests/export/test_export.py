"""An exported model says what the served one says, and every change of its files is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Eva
from tests.registry.packages import greedy, write_package

from eva.artifacts import digest_file, digest_path
from eva.errors import InputError
from eva.export import exporting
from eva.export.exporting import Order, export
from eva.export.formats import Format
from eva.registry.pushing import push
from eva.registry.registration import chat, load
from eva.registry.served_chat import ChatModel
from eva.registry.serving import served

pytestmark = pytest.mark.slow

MESSAGES = [
    {"role": "user", "content": "I lost my job and I feel so tired."},
    {"role": "assistant", "content": "That sounds really hard."},
    {"role": "user", "content": "My family does not know."},
]


def generated(model: Any, folder: Path) -> str:
    """What transformers alone writes, with the tokenizer and the chat template of an export."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, return_tensors="pt")
    out = model.generate(**ids, max_new_tokens=greedy().max_new_tokens, do_sample=False)
    return str(tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


def merged_says(folder: Path) -> str:
    from transformers import AutoModelForCausalLM

    return generated(AutoModelForCausalLM.from_pretrained(folder), folder)


def adapter_says(folder: Path, base: Path) -> str:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, GenerationConfig

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
    model.generation_config = GenerationConfig.from_pretrained(folder)
    return generated(model, folder)


@pytest.mark.parametrize("model", ["models:/eva-tiny@challenger", "models/dpo/tiny"])
def test_served_merged_and_adapter_say_the_same(aligned: Path, backbone: Path, model: str) -> None:
    push(aligned / "registry", aligned)
    wanted = chat(load("models:/eva-tiny/1", aligned), MESSAGES)
    export(model, Order(Format.merged), aligned / "merged", aligned)
    export(model, Order(Format.adapter), aligned / "adapter", aligned)
    assert merged_says(aligned / "merged") == wanted
    assert adapter_says(aligned / "adapter", backbone) == wanted
    assert ChatModel(aligned / "merged", "m", greedy(), "eva").say(MESSAGES, {}).text == wanted
    untouched = served(backbone, None, "eva", greedy())
    assert generated(untouched.model, aligned / "merged") != wanted, "the adapter changes what is said"


def test_a_version_leaves_as_it_was_registered(aligned: Path) -> None:
    push(aligned / "registry", aligned)
    (stored,) = (path for path in (aligned / "mlruns").rglob("data/model") if path.is_dir())
    done = export("models:/eva-tiny@challenger", Order(Format.merged), aligned / "out", aligned)
    assert done.source == "models:/eva-tiny/1"
    for path in stored.iterdir():
        assert digest_file(aligned / "out" / path.name) == digest_file(path)


def test_an_export_says_what_it_is_and_names_no_place(aligned: Path, backbone: Path, adapter: Path) -> None:
    for form in (Format.merged, Format.adapter):
        export("models/dpo/tiny", Order(form), aligned / form, aligned)
        about = json.loads((aligned / form / "export.json").read_text())
        assert (about["format"], about["source"], about["prompt"]) == (form, "models/dpo/tiny", "eva")
        bill = json.loads((aligned / form / "sbom.cdx.json").read_text())
        assert bill["metadata"]["component"]["name"] == "models/dpo/tiny" and bill["components"]
        for path in (aligned / form).iterdir():
            content = path.read_bytes()
            assert not [place for place in (aligned, backbone, adapter) if str(place).encode() in content]
    base = about["base"]["files"]
    assert base["model.safetensors"]["sha256"] == digest_file(backbone / "model.safetensors")


def test_an_export_can_be_repeated(aligned: Path) -> None:
    for form in (Format.merged, Format.adapter):
        for out in ("first", "second"):
            export("models/dpo/tiny", Order(form), aligned / f"{form}-{out}", aligned)
        assert digest_path(aligned / f"{form}-first") == digest_path(aligned / f"{form}-second")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda out: flip(out / "model.safetensors"), "model.safetensors does not match its sha256 digest"),
        (lambda out: (out / "config.json").unlink(), "config.json is missing"),
        (lambda out: (out / "code.py").write_text("1"), "code.py was added after the export"),
        (lambda out: (out / "manifest.json").unlink(), "no readable manifest.json"),
    ],
)
def test_every_change_is_found(eva: Eva, aligned: Path, change: Callable[[Path], object], said: str) -> None:
    assert eva("export", "models/dpo/tiny", "--format", "merged", "--out", "out").code == 0
    whole = eva("verify", "out")
    assert whole.code == 0 and "files match their digests" in whole.out
    change(aligned / "out")
    damaged = eva("verify", "out")
    assert damaged.code == 2 and said in damaged.err


def test_another_base_is_found(eva: Eva, aligned: Path, backbone: Path, tmp_path: Path) -> None:
    import shutil

    assert eva("export", "models/dpo/tiny", "--format", "adapter", "--out", "out").code == 0
    assert eva("verify", "out", "--base", backbone).code == 0
    shutil.copytree(backbone, tmp_path / "other")
    flip(tmp_path / "other" / "model.safetensors")
    other = eva("verify", "out", "--base", tmp_path / "other")
    assert other.code == 2 and "model.safetensors does not match" in other.err


def test_a_folder_that_exists_is_refused(eva: Eva, aligned: Path) -> None:
    (aligned / "out").mkdir()
    done = eva("export", "models/dpo/tiny", "--format", "merged", "--out", "out")
    assert done.code == 2 and "out: exists already" in done.err
    assert not list((aligned / "out").iterdir())


def test_an_interrupted_export_leaves_nothing(aligned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "seal", interrupted)
    before = sorted(aligned.iterdir())
    with pytest.raises(KeyboardInterrupt):
        export("models/dpo/tiny", Order(Format.merged), aligned / "out", aligned)
    assert sorted(aligned.iterdir()) == before


def test_the_adapter_of_a_version_is_the_one_it_was_made_of(aligned: Path, adapter: Path) -> None:
    import shutil

    push(aligned / "registry", aligned)
    (aligned / "models" / "adapter").unlink()
    shutil.copytree(adapter, aligned / "models" / "adapter")
    flip(aligned / "models" / "adapter" / "adapter_model.safetensors")
    with pytest.raises(InputError, match="models/adapter was changed after"):
        export("models:/eva-tiny/1", Order(Format.adapter), aligned / "out", aligned)
    assert not (aligned / "out").exists()


def test_a_version_without_adapter_has_none_to_export(aligned: Path) -> None:
    write_package(aligned, "models/model")
    push(aligned / "registry", aligned)
    with pytest.raises(InputError, match="has no adapter, all its weights were trained"):
        export("models:/eva-tiny/1", Order(Format.adapter), aligned / "out", aligned)


def test_a_damaged_version_does_not_leave(aligned: Path) -> None:
    push(aligned / "registry", aligned)
    (weights,) = (aligned / "mlruns").rglob("data/model/model.safetensors")
    flip(weights)
    with pytest.raises(InputError, match=r"model.safetensors does not match its sha256"):
        export("models:/eva-tiny/1", Order(Format.merged), aligned / "out", aligned)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("models/nowhere", "models/nowhere: no such folder; give models:/NAME@ALIAS"),
        ("src", "src: has no policy.json, start.json or config.json"),
        ("models/model", "has no adapter; use `--format merged`"),
        ("models:/nobody/1", "it has no model 'nobody'"),
    ],
)
def test_what_cannot_be_exported_is_one_error(eva: Eva, aligned: Path, model: str, said: str) -> None:
    done = eva("export", model, "--format", "adapter", "--out", "out")
    assert done.code == 2 and said in done.err and "Traceback" not in done.err
    assert not (aligned / "out").exists()
