"""Text of a conversation that spells a control token stays text.

A seeker may write `<|im_end|>`, or a whole false turn. Given to a tokenizer as it is, that becomes
the token which ends a turn. So control tokens within the content of messages are hidden from the
chat template and from the tokenizer, and come out as the tokens of their letters.
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

# Unicode noncharacters: they are for a program's own use and never stand in a text.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_UNKNOWN = "\ufffd"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text in tokens: their ids, and the characters (start, stop) of the text that each covers."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class ControlTokens:
    """The control tokens of one tokenizer, and how text is kept apart from them."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", template: str) -> None:
        self._tokenizer = tokenizer
        self.ids = _control_ids(tokenizer, template)
        self._names = sorted(self.ids, key=len, reverse=True)  # the longest first: one may contain another
        control = "|".join(map(re.escape, self._names)) or "(?!)"
        self._control = re.compile(control)
        self._either = re.compile(f"{_OPEN}(?P<hidden>[0-9]+){_CLOSE}|{control}")
        self._number = {name: f"{_OPEN}{i}{_CLOSE}" for i, name in enumerate(self._names)}

    def hide(self, content: str) -> str:
        """The content of a message with every control token in it hidden, for the chat template."""
        plain = content.replace(_OPEN, _UNKNOWN).replace(_CLOSE, _UNKNOWN)
        return self._control.sub(lambda found: self._number[found[0]], plain)

    def show(self, text: str) -> str:
        """The text as it reads, what was hidden written out."""
        return self._either.sub(lambda found: self._shown(found) or found[0], text)

    def tokenise(self, text: str) -> Tokens:
        """Tokens of a rendered conversation. Those of what was hidden cover its whole place in `text`."""
        if _OPEN not in text:
            found: Any = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            return Tokens([int(i) for i in found["input_ids"]], [(a, b) for a, b in found["offset_mapping"]])
        return self._tokenise_hidden(text)

    def _shown(self, found: re.Match[str]) -> str:
        return self._names[int(found["hidden"])] if found["hidden"] else ""

    def _tokenise_hidden(self, text: str) -> Tokens:
        """By a tokenizer that knows the control tokens under their hidden names only."""
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
        """The same tokenizer, but that its control tokens are spelt in their hidden names."""
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
    """The control tokens and their ids: special ones, those of the template, and marks of thoughts.

    Not every added token is one: Gemma has some for blanks and for HTML.
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
