"""A GGUF file is what llama.cpp computes as the served model does; a Modelfile writes the same prompts."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Eva
from tests.models.conftest import TEXT, metaspace_tokenizer
from tests.models.families import FAMILIES
from tests.models.test_families import DIALOGUE, tokenizer_of
from tests.registry.packages import greedy

from eva.errors import InputError
from eva.export.drift import measure
from eva.export.exporting import Order, export
from eva.export.formats import Format, Precision
from eva.export.gguf_file import require_writable
from eva.export.gguf_tokens import _LLAMA_3, _QWEN_2, pre_tokenizer
from eva.export.modelfile import modelfile, pieces_of
from eva.export.source import opened
from eva.models.chat import render
from eva.models.prompts import system_prompt
from eva.models.tiny import chatml_tokenizer

slow = pytest.mark.slow
SMALL = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048,
}  # fmt: skip

PIECES = {"pieces": "first", "pieces, blank": "always", "pieces, normalized": "normalizer"}
INSTRUCT = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% elif m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% else %}{{ m['content'] }}</s>{% endif %}{% endfor %}"
)


@pytest.fixture
def llama_cpp() -> None:
    pytest.importorskip("xllamacpp", reason="xllamacpp is not installed: `make setup` installs it")


def sentencepiece(blank: str) -> Any:
    """A tokenizer as those of Llama 2 and Mistral 7B: every pair that joins to a piece may be merged."""
    from tokenizers import Tokenizer, normalizers, trainers
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import Metaspace
    from transformers import LlamaTokenizer
    from transformers.convert_slow_tokenizer import generate_merges

    learnt = Tokenizer(BPE())
    learnt.pre_tokenizer = Metaspace()
    learnt.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=400, show_progress=False))
    pieces = [piece for piece, _ in sorted(learnt.get_vocab().items(), key=lambda one: one[1])]
    first = ["<unk>", "<s>", "</s>", *(f"<0x{number:02X}>" for number in range(256))]
    vocabulary = {piece: number for number, piece in enumerate([*first, *pieces])}
    ranks = {piece: -float(number) for number, piece in enumerate(pieces)}
    tokenizer = LlamaTokenizer(
        vocab=vocabulary, merges=generate_merges(vocabulary, ranks), chat_template=INSTRUCT
    )
    if blank == "normalizer":
        tokenizer.backend_tokenizer.pre_tokenizer = None
        tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    else:
        tokenizer.backend_tokenizer.pre_tokenizer = Metaspace(prepend_scheme=blank, split=False)
    return tokenizer


def cutting(kind: str) -> Any:
    """A tokenizer that cuts text by the rules of a family before it merges."""
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import ByteLevel, Digits, PreTokenizer, Split
    from tokenizers.pre_tokenizers import Sequence as Steps

    steps: dict[str, Sequence[PreTokenizer]] = {
        "gpt-2": [ByteLevel(add_prefix_space=False)],
        "smollm": [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)],
        "llama-bpe": [
            Split(Regex(_LLAMA_3), "isolated"),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ],
        "qwen2": [Split(Regex(_QWEN_2), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)],
    }
    if kind in PIECES:
        return sentencepiece(PIECES[kind])
    tokenizer = chatml_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = Steps(list(steps[kind]))
    return tokenizer


def write_model(folder: Path, architecture: str, cut: str, **changed: Any) -> Path:
    """A random model of an architecture, its weights so large that its tokens differ."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = cutting(cut)
    settings = {**SMALL, "vocab_size": len(tokenizer), "sliding_window": None, **changed}
    config = AutoConfig.for_model(architecture, **settings)
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(config)
    for name, weight in model.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(weight, std=0.15)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@slow
@pytest.mark.parametrize(
    ("architecture", "cut"),
    [
        ("llama", "gpt-2"),
        ("llama", "smollm"),
        ("llama", "llama-bpe"),
        ("mistral", "gpt-2"),
        ("qwen2", "qwen2"),
        ("qwen3", "qwen2"),
        ("mistral", "pieces"),
        ("mistral", "pieces, blank"),
        ("llama", "pieces, normalized"),
    ],
)
def test_llama_cpp_computes_what_is_served(
    llama_cpp: None, aligned: Path, architecture: str, cut: str
) -> None:
    write_model(aligned / "given", architecture, cut)
    done = export("given", Order(Format.gguf, Precision.f32, measured=True), aligned / "out", aligned)
    assert done.drift is not None
    assert done.drift.prompts == done.drift.conversations == 8, "the same template, the same tokens"
    assert done.drift.equal > 0.95 and done.drift.tokens > 50, "but for near ties"
    assert done.drift.kl_max < 1e-3


@slow
def test_fewer_bits_drift_further(llama_cpp: None, eva: Eva, aligned: Path) -> None:
    write_model(aligned / "given", "llama", "gpt-2")
    found = [
        export("given", Order(Format.gguf, one, measured=True), aligned / one, aligned).drift
        for one in (Precision.f16, Precision.q8_0, Precision.q4_0)
    ]
    apart = [one.kl for one in found if one is not None]
    assert apart == sorted(apart) and apart[0] < 1e-3 < apart[2]
    assert eva("verify", "q8_0").code == 0


@slow
@pytest.mark.parametrize("form", [Format.merged, Format.adapter, Format.gguf])
def test_what_is_measured_is_the_export(llama_cpp: None, eva: Eva, aligned: Path, form: Format) -> None:
    """That of the aligned model does not drift, that of another does."""
    done = eva("export", "models/dpo/tiny", "--format", form, "--out", "out", "--measure")
    assert done.code == 0 and "greedy tokens are those of the served model" in done.out, done.err
    drift = json.loads((aligned / "out" / "drift.json").read_text())
    assert drift["kl_max"] < 1e-3 and drift["equal"] >= (0.95 if form is Format.gguf else 1.0)
    assert not (aligned / "out" / "merged").exists()
    if form is Format.adapter:
        weights = aligned / "out" / "adapter_model.safetensors"
        zero_tensors(weights)
    else:
        shutil.rmtree(aligned / "out")
        export("models/model", Order(form), aligned / "out", aligned)
    with opened("models/dpo/tiny", form is Format.adapter, aligned) as source:
        assert measure(source, form, aligned / "out").equal < 1.0


def zero_tensors(file: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_file({name: tensor * 0 for name, tensor in load_file(file).items()}, file)


@slow
def test_what_cannot_be_measured_is_not_begun(
    eva: Eva, aligned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    done = eva("export", "models/model", "--format", "gguf", "--measure", "--out", "out")
    assert done.code == 2 and "--measure: xllamacpp, which runs the export, is not installed" in done.err
    assert not (aligned / "out").exists()


def test_a_precision_is_of_gguf(eva: Eva) -> None:
    done = eva("export", "x", "--format", "merged", "--precision", "q8_0", "--out", "out")
    assert done.code == 2 and "only `--format gguf` has a choice" in done.err


@slow
@pytest.mark.parametrize(
    ("architecture", "changed", "said"),
    [
        ("gpt_neox", {}, "architecture gpt_neox: known are llama"),
        ("mistral", {"sliding_window": 64}, "attention over a sliding window"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
            "positions of type linear",
        ),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_refused(
    tmp_path: Path, architecture: str, changed: dict[str, Any], said: str
) -> None:
    folder = write_model(tmp_path / "given", architecture, "gpt-2", **changed)
    with pytest.raises(InputError, match=said):
        require_writable(folder, "given")


def test_a_tokenizer_that_cuts_otherwise_is_refused() -> None:
    for kind in ("gpt-2", "smollm", "llama-bpe", "qwen2"):
        written = json.loads(cutting(kind).backend_tokenizer.to_str())
        assert pre_tokenizer(written, "x") == kind
        written["pre_tokenizer"]["pretokenizers"][-1]["add_prefix_space"] = True
        with pytest.raises(InputError, match="no known name for how its tokenizer cuts text"):
            pre_tokenizer(written, "x")
    blanks = metaspace_tokenizer(chatml_tokenizer().chat_template)
    with pytest.raises(InputError, match="no known name"):
        pre_tokenizer(json.loads(blanks.backend_tokenizer.to_str()), "x")


@pytest.mark.parametrize("prompt", ["eva", "cot"])
@pytest.mark.parametrize("name", FAMILIES)
def test_ollama_writes_the_prompts_of_every_family(name: str, prompt: str) -> None:
    tokenizer = tokenizer_of(FAMILIES[name])
    pieces = pieces_of(tokenizer, prompt)
    for turns in (DIALOGUE[:1], DIALOGUE[:3], DIALOGUE):
        assert pieces.render(system_prompt(prompt), tuple(turns)) == render(tokenizer, turns, prompt=prompt)


@slow
def test_go_renders_the_template_so(tmp_path: Path) -> None:
    """Ollama's templates are those of Go, which is asked itself where it is installed."""
    if shutil.which("go") is None:
        pytest.skip("Go is not installed: `apt-get install golang-go`")
    cases, wanted = [], []
    for family in FAMILIES.values():
        tokenizer, system = tokenizer_of(family), system_prompt("eva")
        for turns in (DIALOGUE[:1], DIALOGUE):
            messages = [{"role": "system", "content": system}, *turns]  # Ollama puts SYSTEM there, too
            template = pieces_of(tokenizer, "eva").template
            cases.append({"Template": template, "System": system, "Messages": messages})
            wanted.append(render(tokenizer, turns, prompt="eva"))
    done = subprocess.run(
        ["go", "run", str(Path(__file__).with_name("render.go"))],
        input=json.dumps(cases),
        env={**os.environ, "GOCACHE": str(tmp_path), "GO111MODULE": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == wanted


def test_the_modelfile_says_how_it_was_evaluated() -> None:
    text = modelfile(chatml_tokenizer(), "eva", greedy(), "model.gguf")
    assert text.startswith("# Written by `eva export`.")
    assert 'FROM ./model.gguf\nTEMPLATE """<|im_start|>system\n{{ .System }}<|im_end|>\n' in text
    assert f'SYSTEM """{system_prompt("eva")}"""\nPARAMETER stop "<|im_end|>"\n' in text
    for line in ("temperature 0.0", "repeat_penalty 1.0", "num_predict 8", "num_ctx 264", "top_k 0"):
        assert f"PARAMETER {line}\n" in text


def test_a_template_that_ollama_cannot_write_is_refused() -> None:
    tokenizer = chatml_tokenizer()
    tokenizer.chat_template = "{{ '{{' }}" + str(chatml_tokenizer().chat_template)
    with pytest.raises(InputError, match="Ollama's template cannot write"):
        pieces_of(tokenizer, "eva")
