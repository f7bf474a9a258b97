"""Tokenizers in the four chat formats we support, built here: small, but formatted like the real ones."""

from dataclasses import dataclass
from typing import Any

import pytest

TEXT = [
    "I lost my job last week and I feel so worried about everything.",
    "That sounds really hard. How long have you been feeling this way?",
    "You are a helpful and considerate supporter. Please generate the utterance.",
]

LLAMA3 = (
    "{% for m in messages %}{% if loop.index0 == 0 %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
QWEN2 = (
    "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a default.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Format:
    """A tokenizer and its rendering written out by hand: text pieces, and which are the supporter's."""

    tokenizer: Any
    end: str
    pieces: Any  # (system, messages) -> list[(text, supervised)]


def byte_tokenizer(special: list[str], template: str | None, **names: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, chat_template=template, **names)


def metaspace_tokenizer(template: str) -> Any:
    """SentencePiece-like, as Mistral's: a blank belongs to the word after it, `[INST]` is plain text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE(unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    inner.decoder = decoders.Metaspace(prepend_scheme="first", split=False)
    characters = sorted({chr(c) for c in range(32, 127)} | set("😔\n"))
    words = [f"{line} [INST] [/INST]" for line in TEXT]
    inner.train_from_iterator(
        words,
        trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<unk>", "<s>", "</s>"],
            initial_alphabet=characters,
            show_progress=False,
            max_token_length=8,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, chat_template=template, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def _chatml_pieces(system: str, messages: list[dict[str, str]]) -> list[tuple[str, bool]]:
    pieces = [(f"<|im_start|>system\n{system}<|im_end|>\n", False)]
    for m in messages:
        pieces.append((f"<|im_start|>{m['role']}\n", False))
        pieces.append((f"{m['content']}<|im_end|>", m["role"] == "assistant"))
        pieces.append(("\n", False))
    return pieces


def _llama3_pieces(system: str, messages: list[dict[str, str]]) -> list[tuple[str, bool]]:
    pieces = [(f"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>", False)]
    for m in messages:
        pieces.append((f"<|start_header_id|>{m['role']}<|end_header_id|>\n\n", False))
        pieces.append((f"{m['content']}<|eot_id|>", m["role"] == "assistant"))
    return pieces


def _mistral_pieces(system: str, messages: list[dict[str, str]]) -> list[tuple[str, bool]]:
    pieces = [("<s>", False)]
    for i, m in enumerate(messages):
        if m["role"] == "user":
            text = f"{system}\n\n{m['content']}" if i == 0 else m["content"]
            pieces.append((f"[INST] {text} [/INST]", False))
        else:
            pieces.append((f" {m['content']}</s>", True))
    return pieces


def _smollm2() -> Format:
    from eva.models.tiny import chatml_tokenizer

    tokenizer = chatml_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token  # as SmolLM2 has it: padding must not cost the label
    return Format(tokenizer, "<|im_end|>", _chatml_pieces)


def _qwen2() -> Format:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    names = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    tokenizer = byte_tokenizer(special, QWEN2, **names)
    tokenizer.add_special_tokens({"extra_special_tokens": special[1:]})
    return Format(tokenizer, "<|im_end|>", _chatml_pieces)


def _llama3() -> Format:
    special = [
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ]
    names = {"bos_token": special[0], "eos_token": special[1]}  # the end of a turn is another token
    return Format(byte_tokenizer(special, LLAMA3, **names), "<|eot_id|>", _llama3_pieces)


def _mistral() -> Format:
    return Format(metaspace_tokenizer(MISTRAL), "</s>", _mistral_pieces)


FORMATS = {"smollm2": _smollm2, "mistral": _mistral, "llama3": _llama3, "qwen2": _qwen2}
_BUILT: dict[str, Format] = {}


@pytest.fixture(params=list(FORMATS))
def chat_format(request: pytest.FixtureRequest) -> Format:
    if request.param not in _BUILT:
        _BUILT[request.param] = FORMATS[request.param]()
    return _BUILT[request.param]


@pytest.fixture
def chatml() -> Any:
    from eva.models.tiny import chatml_tokenizer

    return chatml_tokenizer()
