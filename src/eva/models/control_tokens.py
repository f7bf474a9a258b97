"""Protection against control tokens in the text of messages.

A user may write `<|im_end|>`, or a whole false turn; a tokenizer would turn that into the token which ends
a turn. So control tokens in the content of messages are hidden from the chat template and from the
tokenizer, and are encoded as ordinary text.
"""

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eva.data.thoughts import is_thought_mark

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

# Unicode noncharacters, reserved for internal use: they do not occur in text.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_UNKNOWN = "\ufffd"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids, and for each token the range of characters (start, stop) that it covers."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class ControlTokens:
    """The control tokens of a tokenizer (`ids`: text -> id), and encoding that keeps text apart from them."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", template: str) -> None:
        self._tokenizer = tokenizer
        self.ids = _control_ids(tokenizer, template)
        self._names = sorted(self.ids, key=len, reverse=True)  # the longest first: one may contain another
        control = "|".join(map(re.escape, self._names)) or "(?!)"
        self._control = re.compile(control)
        self._either = re.compile(f"{_OPEN}(?P<hidden>[0-9]+){_CLOSE}|{control}")
        self._number = {name: f"{_OPEN}{i}{_CLOSE}" for i, name in enumerate(self._names)}

    def hide(self, content: str) -> str:
        """The content of a message with placeholders for the control tokens in it, for the chat template."""
        plain = content.replace(_OPEN, _UNKNOWN).replace(_CLOSE, _UNKNOWN)
        return self._control.sub(lambda found: self._number[found[0]], plain)

    def show(self, text: str) -> str:
        """The text with the placeholders replaced by what they stand for."""
        return self._either.sub(lambda found: self._shown(found) or found[0], text)

    def tokenise(self, text: str) -> Tokens:
        """The tokens of a rendered conversation; tokens of a placeholder cover its characters in `text`."""
        if _OPEN not in text:
            found: Any = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            return Tokens([int(i) for i in found["input_ids"]], [(a, b) for a, b in found["offset_mapping"]])
        return self._tokenise_hidden(text)

    def _shown(self, found: re.Match[str]) -> str:
        return self._names[int(found["hidden"])] if found["hidden"] else ""

    def _tokenise_hidden(self, text: str) -> Tokens:
        """The same with a tokenizer in which the control tokens have other names."""
        pieces, origin, last = [], [], 0
        for found in self._either.finditer(text):
            new = self._shown(found) or self._number[found[0]]
            pieces += [text[last : found.start()], new]
            origin += [(i, i + 1) for i in range(last, found.start())] + [found.span()] * len(new)
            last = found.end()
        pieces.append(text[last:])
        origin += [(i, i + 1) for i in range(last, len(text))]
        encoded = self._renamed.encode("".join(pieces), add_special_tokens=False)
        covered = [(origin[a][0], origin[b - 1][1]) if b > a else (0, 0) for a, b in encoded.offsets]
        return Tokens(encoded.ids, covered)

    @functools.cached_property
    def _renamed(self) -> "Tokenizer":
        """A copy of the tokenizer in which each control token is written as its placeholder."""
        from tokenizers import Tokenizer

        written = json.loads(self._tokenizer.backend_tokenizer.to_str())
        for token in written["added_tokens"]:
            token["content"] = self._number.get(token["content"], token["content"])
        model = written["model"]
        if isinstance(model["vocab"], dict):
            model["vocab"] = {self._number.get(piece, piece): i for piece, i in model["vocab"].items()}
        else:
            model["vocab"] = [(self._number.get(piece, piece), score) for piece, score in model["vocab"]]
        if isinstance(model.get("unk_token"), str):
            model["unk_token"] = self._number.get(model["unk_token"], model["unk_token"])
        written |= {"post_processor": None, "truncation": None, "padding": None}
        return Tokenizer.from_str(json.dumps(written))


def _control_ids(tokenizer: "PreTrainedTokenizerBase", template: str) -> dict[str, int]:
    """The control tokens and their ids: special tokens, those in the template, and marks of thoughts.

    Not every added token is a control token: Gemma has some for spaces and for HTML.
    """
    found = {
        token.content: number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special
        or is_thought_mark(token.content)
        or (token.content in template and not token.content.isspace())
    }
    named = {str(name): tokenizer.convert_tokens_to_ids(name) for name in tokenizer.all_special_tokens}
    return {name: int(number) for name, number in {**named, **found}.items() if name}
