"""Tokenizers made by SentencePiece, such as those of Llama 2 and Mistral 7B, as GGUF writes them.

llama.cpp merges the pair whose joined piece has the highest score. `tokenizer.json` lists merges in the
order of those scores, so the place of a piece's first merge takes the part of its score.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eva.models.chat import render
from eva.models.chat_form import PROBE, chat_form

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_BLANK = "▁"


def is_sentencepiece(written: Mapping[str, Any]) -> bool:
    """Whether the content of a `tokenizer.json` is that of a SentencePiece model that merges pairs."""
    return written["model"]["type"] == "BPE" and bool(written["model"].get("byte_fallback"))


def blank_first(tokenizer: "PreTrainedTokenizerBase", written: Mapping[str, Any]) -> bool | None:
    """Whether a blank is put before the text after each control token; None if that is not known.

    With the scheme `first` only the start of a prompt would get one, which is known if that is a control
    token, as in the templates of these models.
    """
    normalizer, cut = written.get("normalizer"), written.get("pre_tokenizer")
    if normalizer is not None and cut is None:
        return _normalised(normalizer)
    if normalizer is not None or cut is None or cut["type"] != "Metaspace" or cut.get("split", True):
        return None
    if cut["prepend_scheme"] == "first":
        start = render(tokenizer, PROBE[:1])
        return False if any(start.startswith(one) for one in chat_form(tokenizer).controls.ids) else None
    return bool(cut["prepend_scheme"] == "always")


def scores(written: Mapping[str, Any], pieces: Sequence[str]) -> list[float]:
    """The score of every piece: the later its first merge, the lower."""
    order: dict[str, float] = {}
    for number, pair in enumerate(written["model"]["merges"]):
        left, right = pair.split(" ", 1) if isinstance(pair, str) else pair
        order.setdefault(left + right, -float(number))
    return [order.get(piece, 0.0) for piece in pieces]


def _normalised(normalizer: Mapping[str, Any]) -> bool | None:
    steps = normalizer["normalizers"] if normalizer["type"] == "Sequence" else [normalizer]
    known = {
        json.dumps({"type": "Prepend", "prepend": _BLANK}, sort_keys=True): True,
        json.dumps({"type": "Replace", "pattern": {"String": " "}, "content": _BLANK}, sort_keys=True): False,
    }
    found = [known.get(json.dumps(one, sort_keys=True)) for one in steps]
    if None in found or found.count(False) != 1:
        return None
    return True in found
