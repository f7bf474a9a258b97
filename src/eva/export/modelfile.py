"""Ollama's Modelfile beside a GGUF file: template, system text, end token and decoding of evaluation.

Ollama renders a conversation with a template of Go's, not with the chat template in the file. EVA's
chat templates write every turn in one form (`eva.models.chat_form`), so the pieces between the texts of
a rendered conversation make up that template.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eva.errors import InputError
from eva.generation.response import new_tokens
from eva.models.chat import end_of_turn, render
from eva.models.chat_form import Message, chat_form
from eva.models.prompts import system_prompt
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TEXTS = ("eva-first", "eva-second", "eva-third", "eva-fourth", "eva-fifth")
_MESSAGES: tuple[Message, ...] = tuple(
    {"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(_TEXTS)
)
_UNWRITABLE = ('"""', "{{", "}}")


@dataclass(frozen=True)
class Pieces:
    """What stands before the system text, after it, before and after the text of each speaker."""

    opening: str
    begun: str
    asked: str
    lead: str
    closed: str

    def render(self, system: str, messages: tuple[Message, ...]) -> str:
        """What Ollama makes of the pieces."""
        written = [self.opening, system, self.begun]
        for message in messages:
            if message["role"] == "user":
                written += [message["content"], self.asked]
            else:
                written += [self.lead, message["content"], self.closed]
        return "".join(written)

    @property
    def template(self) -> str:
        """The same as a template of Ollama's."""
        return (
            f"{self.opening}{{{{ .System }}}}{self.begun}{{{{ range .Messages }}}}"
            f'{{{{ if eq .Role "user" }}}}{{{{ .Content }}}}{self.asked}'
            f'{{{{ else if eq .Role "assistant" }}}}{self.lead}{{{{ .Content }}}}{self.closed}'
            "{{ end }}{{ end }}"
        )


def modelfile(tokenizer: "PreTrainedTokenizerBase", prompt: str, decoding: Generate, weights: str) -> str:
    """The text of the Modelfile for the file `weights` beside it.

    Raises:
        InputError: Ollama's template cannot write conversations as the chat template does.
    """
    system = system_prompt(prompt)
    parameters = [f"PARAMETER {name} {value}" for name, value in _parameters(tokenizer, prompt, decoding)]
    return "\n".join(
        [
            "# Written by `eva export`. In this folder: ollama create NAME -f Modelfile",
            f"FROM ./{weights}",
            f'TEMPLATE """{pieces_of(tokenizer, prompt).template}"""',
            f'SYSTEM """{system}"""',
            *parameters,
            "",
        ]
    )


def pieces_of(tokenizer: "PreTrainedTokenizerBase", prompt: str) -> Pieces:
    """The pieces of the tokenizer's chat template; checked on a longer conversation."""
    system, lead = system_prompt(prompt), chat_form(tokenizer).lead
    text = render(tokenizer, _MESSAGES[:3], prompt=prompt)
    between = []
    for known in (system, *_TEXTS[:3]):
        before, _, text = text.partition(known)
        between.append(before)
    opening, begun, _, closed = between
    pieces = Pieces(opening, begun, text, lead, closed)
    if pieces.render(system, _MESSAGES) != render(tokenizer, _MESSAGES, prompt=prompt) or any(
        mark in one for one in (opening, begun, text, closed, system) for mark in _UNWRITABLE
    ):
        raise InputError(
            f"{tokenizer.name_or_path}: Ollama's template cannot write its conversations as they are in "
            "training; export `--format merged`, and serve that folder"
        )
    return pieces


def _parameters(
    tokenizer: "PreTrainedTokenizerBase", prompt: str, decoding: Generate
) -> list[tuple[str, str | int | float]]:
    room = new_tokens(decoding, prompt)
    return [
        ("stop", json.dumps(end_of_turn(tokenizer).text, ensure_ascii=False)),
        ("temperature", decoding.temperature),
        ("top_p", decoding.top_p),
        ("top_k", 0),  # all tokens, as in evaluation; Ollama's own default is 40
        ("repeat_penalty", decoding.repetition_penalty),
        ("repeat_last_n", -1),  # the whole context, as in evaluation
        ("num_predict", room),
        ("num_ctx", decoding.max_length + room),
    ]
