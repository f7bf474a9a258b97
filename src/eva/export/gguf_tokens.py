"""The tokenizer of a model as GGUF writes it: pieces, their types, merges, and how text is cut first.

llama.cpp has the rules that cut text before merging (the pre-tokenizer) in its own code, under names. A
tokenizer whose rules are none of those known here is refused: under another name, text would become
other tokens without any error.
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eva.errors import InputError
from eva.export.gguf_pieces import blank_first, is_sentencepiece, scores
from eva.models.chat import end_of_turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA_3, _QWEN_2 = rf"{_WORDS}\p{{N}}{{1,3}}{_REST}", rf"{_WORDS}\p{{N}}{_REST}"
_BYTES, _BYTES_ONLY = ("ByteLevel", True), ("ByteLevel", False)  # with and without GPT-2's own rule
# What a tokenizer.json says of cutting text -> llama.cpp's name for it.
_NAMES = {
    (_BYTES,): "gpt-2",
    (("Digits", True), _BYTES): "smollm",
    (("Split", _LLAMA_3), _BYTES_ONLY): "llama-bpe",
    (("Split", _QWEN_2), _BYTES_ONLY): "qwen2",
}
_BYTE = re.compile("<0x[0-9A-F]{2}>")  # a piece of a SentencePiece tokenizer that stands for one byte
_DECIDES = {"ByteLevel": "use_regex", "Digits": "individual_digits"}
REMEDY = "export `--format merged`, and convert that folder with llama.cpp's own convert_hf_to_gguf.py"


def add_tokens(writer: Any, tokenizer: "PreTrainedTokenizerBase", rows: int) -> None:
    """Add the tokenizer to a `gguf.GGUFWriter`; `rows` is the number of the model's embeddings.

    Raises:
        InputError: llama.cpp has no rules that are known to cut text as this tokenizer does.
    """
    written = json.loads(tokenizer.backend_tokenizer.to_str())
    pieces, types = _pieces(tokenizer, rows)
    if is_sentencepiece(written):
        _add_sentencepiece(writer, tokenizer, written, pieces)
    else:
        _add_byte_level(writer, written, tokenizer.name_or_path)
    writer.add_token_list(pieces)
    writer.add_token_types(types)
    _add_special(writer, tokenizer)


def _add_byte_level(writer: Any, written: Mapping[str, Any], name: str) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer(written, name))
    writer.add_add_space_prefix(False)
    merges = written["model"]["merges"]
    writer.add_token_merges([one if isinstance(one, str) else " ".join(one) for one in merges])


def _add_sentencepiece(
    writer: Any, tokenizer: "PreTrainedTokenizerBase", written: Mapping[str, Any], pieces: list[str]
) -> None:
    blank = blank_first(tokenizer, written)
    if blank is None:
        raise _unnamed(tokenizer.name_or_path)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_add_space_prefix(blank)
    writer.add_token_scores(scores(written, pieces))


def pre_tokenizer(written: Mapping[str, Any], name: str) -> str:
    """llama.cpp's name for how a tokenizer (the content of `tokenizer.json`) cuts text before merging."""
    found = _NAMES.get(tuple(_step(one) for one in _steps(written.get("pre_tokenizer"))))
    if found is None or written["model"]["type"] != "BPE":
        raise _unnamed(name)
    return found


def _unnamed(name: str) -> InputError:
    return InputError(f"{name}: llama.cpp has no known name for how its tokenizer cuts text; {REMEDY}")


def _steps(given: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if given is None:
        return []
    return list(given["pretokenizers"]) if given["type"] == "Sequence" else [given]


def _step(given: Mapping[str, Any]) -> tuple[str, Any]:
    kind = given["type"]
    if kind == "Split":
        return kind, given["pattern"].get("Regex")
    if given.get("add_prefix_space"):
        return kind, None  # which none of the known ones does
    return kind, given.get(_DECIDES.get(kind, ""))


def _pieces(tokenizer: "PreTrainedTokenizerBase", rows: int) -> tuple[list[str], list[int]]:
    """The text and type of every id; embeddings beyond the vocabulary get a name that no text has."""
    from gguf import TokenType

    vocabulary = {number: piece for piece, number in tokenizer.get_vocab().items()}
    added = tokenizer.added_tokens_decoder
    pieces, types = [], []
    for number in range(rows):
        pieces.append(vocabulary.get(number, f"[PAD{number}]"))
        if number not in vocabulary:
            types.append(TokenType.UNUSED)
        elif number in added:
            special = added[number].special
            types.append(TokenType.CONTROL if special else TokenType.USER_DEFINED)
        elif _BYTE.fullmatch(vocabulary[number]):
            types.append(TokenType.BYTE)
        else:
            types.append(TokenType.NORMAL)
    return pieces, [int(one) for one in types]


def _add_special(writer: Any, tokenizer: "PreTrainedTokenizerBase") -> None:
    """The ids with a meaning; nothing is put before a prompt that the template does not write itself."""
    writer.add_add_bos_token(False)
    writer.add_eot_token_id(end_of_turn(tokenizer).id)
    special = {
        writer.add_bos_token_id: tokenizer.bos_token_id,
        writer.add_eos_token_id: tokenizer.eos_token_id,
        writer.add_pad_token_id: tokenizer.pad_token_id,
        writer.add_unk_token_id: tokenizer.unk_token_id,
    }
    for add, number in special.items():
        if number is not None:
            add(number)
    writer.add_chat_template(str(tokenizer.chat_template))
