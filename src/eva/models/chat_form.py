"""How a chat template writes a conversation, learnt from a rendered probe.

A template is asked for prompts only, never for a finished conversation: what it writes behind the
last turn (Phi-3's end of the text) or before it (Qwen3's empty thought) belongs to no turn. Any
template works that writes every assistant turn in one form, right behind its generation prompt.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from eva.data.thoughts import part_thoughts
from eva.errors import InputError
from eva.models.control_tokens import ControlTokens
from eva.models.prompts import conversation, system_prompt
from eva.models.template_source import template_source, with_thoughts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = Mapping[str, str]

PROBE: tuple[Message, ...] = (
    {"role": "user", "content": "I feel low."},
    {"role": "assistant", "content": "That sounds hard."},
    {"role": "user", "content": "It is."},
    {"role": "assistant", "content": "Tell me more."},
)
_SHOWN = 240  # characters of a rendering in a message


@dataclass(frozen=True, slots=True)
class EndToken:
    """The token that ends an assistant turn: generation stops at it, training teaches it."""

    id: int
    text: str


@dataclass(frozen=True)
class ChatForm:
    """How a template writes: behind the prompt come `lead`, the text, `gap` and the end token.

    `template` is its text, with clock and thoughts taken out; `takes_system` says whether a system
    message has a place of its own.
    """

    template: str
    takes_system: bool
    controls: ControlTokens
    lead: str
    gap: str
    end: EndToken

    def turn(self, content: str) -> str:
        """An assistant turn as it stands behind its prompt."""
        return f"{self.lead}{content}{self.gap}{self.end.text}"


def chat_form(tokenizer: "PreTrainedTokenizerBase") -> ChatForm:
    """How the tokenizer's chat template writes; an `InputError` if a model cannot be trained on it."""
    return _learn(tokenizer, template_source(tokenizer.chat_template, model_name(tokenizer)))


def prompt_text(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> str:
    """A conversation that ends with the user, up to where the supporter begins to write.

    Control tokens in contents are hidden, see `ControlTokens`.
    """
    form = chat_form(tokenizer)
    hidden = [{**one, "content": form.controls.hide(one["content"])} for one in messages]
    return _apply(tokenizer, form.template, _turns(hidden, prompt, form.takes_system))


def model_name(tokenizer: "PreTrainedTokenizerBase") -> str:
    """What a message calls the tokenizer's model."""
    return str(tokenizer.name_or_path or type(tokenizer).__name__)


def template_fault(tokenizer: "PreTrainedTokenizerBase", what: str, **shown: str) -> InputError:
    """An error that says what the template does; `shown` are renderings by what they are."""
    lines = [f"\n    {name.replace('_', ' ')}: {_shortened(text)}" for name, text in shown.items()]
    return InputError(
        f"{model_name(tokenizer)}: its chat template {what}{':' if lines else '.'}{''.join(lines)}\n"
        "    Give the backbone's folder another `chat_template.jinja`, or choose another backbone."
    )


def changing(tokenizer: "PreTrainedTokenizerBase", before: str, after: str) -> InputError:
    """The error of a template whose rendering of earlier turns depends on later ones."""
    start = max(0, len(_shared_start(before, after)) - _SHOWN // 3)
    return template_fault(
        tokenizer,
        "renders the turns before an answer differently once more turns follow",
        prompt_of_the_answer=before[start:][:_SHOWN],
        the_same_place_later=after[start:][:_SHOWN],
    )


def _shortened(text: str) -> str:
    """The end of a long text: that is where turns and prompts differ."""
    return repr(text) if len(text) <= _SHOWN else f"…{text[-_SHOWN:]!r}"


@functools.lru_cache(maxsize=8)
def _learn(tokenizer: "PreTrainedTokenizerBase", template: str) -> ChatForm:
    """How a template writes a conversation, from two prompts of one; a fault where it has no one form."""
    controls = ControlTokens(tokenizer, template)
    system = _takes_system(tokenizer, template)
    first, second = _prompts(tokenizer, template, system)
    common = _shared_start(first, second)
    if thought := first[len(common) :]:
        opening = common[max(common.rfind(name) for name in controls.ids) :]
        closed = _closed_thought(tokenizer, thought, first, second)
        again = with_thoughts(template, opening, closed)
        first, second = _prompts(tokenizer, again, system)
        if again == template or not second.startswith(first):
            raise changing(tokenizer, first, second)
        return _learn(tokenizer, again)
    lead, gap, end = _turn(tokenizer, controls, first, second)
    _require_same_end(tokenizer, template, system, f"{gap}{end.text}")
    return ChatForm(template, system, controls, lead, gap, end)


def _takes_system(tokenizer: "PreTrainedTokenizerBase", template: str) -> bool:
    """Whether a system message has a place of its own at the start.

    Some templates raise, some drop it silently, some move it to the last user turn (which would
    change all earlier text from turn to turn): all three get the folded form.
    """
    try:
        first, second = _prompts(tokenizer, template, True)
    except InputError:
        return False
    return system_prompt("eva") in _shared_start(first, second)


def _shared_start(first: str, second: str) -> str:
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return first[: sum(1 for _ in pairs)]


def _prompts(tokenizer: "PreTrainedTokenizerBase", template: str, system: bool) -> tuple[str, str]:
    """What the model reads before the first and before the second answer of the probe."""
    first, second = (_apply(tokenizer, template, _turns(PROBE[:n], "eva", system)) for n in (1, 3))
    return first, second


def _turns(messages: Sequence[Message], prompt: str, system: bool) -> list[dict[str, str]]:
    """The system text in its own turn, or at the beginning of the first user turn."""
    first, *turns = conversation(messages, prompt)
    if system:
        return [first, *turns]
    turns[0]["content"] = f"{first['content']}\n\n{turns[0]['content']}"
    return turns


def _apply(
    tokenizer: "PreTrainedTokenizerBase", template: str, turns: list[dict[str, str]], *, ask: bool = True
) -> str:
    """The rendered turns; with `ask` up to where the assistant begins to write."""
    try:
        return str(
            tokenizer.apply_chat_template(
                turns, chat_template=template, tokenize=False, add_generation_prompt=ask
            )
        )
    except (TemplateError, TypeError, ValueError) as error:
        raise template_fault(tokenizer, f"refuses a conversation of {len(turns)} turns ({error})") from None


def _closed_thought(tokenizer: "PreTrainedTokenizerBase", thought: str, first: str, second: str) -> str:
    """What a generation prompt adds that finished turns lack, if it is a thought without content."""
    parted = part_thoughts(thought)
    if parted.unfinished:
        raise template_fault(
            tokenizer,
            f"opens a thought in the generation prompt ({thought!r}) that finished turns do not have, so a "
            "model would be trained on another text than it is asked with",
            generation_prompt=first,
            finished_turn=second[len(first) - len(thought) - _SHOWN // 3 :][:_SHOWN],
        )
    if parted.answer or parted.thoughts or not thought.strip():
        raise changing(tokenizer, first, second)
    return thought


def _turn(
    tokenizer: "PreTrainedTokenizerBase", controls: ControlTokens, first: str, second: str
) -> tuple[str, str, EndToken]:
    """Lead, gap and end token of the probe's first answer in the prompt of its second."""
    answer = PROBE[1]["content"]
    written = second[len(first) :]
    lead, found, rest = written.partition(answer)
    if not found or lead.strip():
        raise template_fault(
            tokenizer,
            f"does not write the text of an assistant turn ({answer!r}) right after its generation prompt",
            generation_prompt=first,
            what_follows_it=written[:_SHOWN],
        )
    gap = rest[: len(rest) - len(rest.lstrip())]
    closing = [name for name in controls.ids if rest[len(gap) :].startswith(name)]
    if not closing:
        raise _endless(tokenizer, second)
    end = max(closing, key=len)
    return lead, gap, EndToken(controls.ids[end], end)


def _require_same_end(
    tokenizer: "PreTrainedTokenizerBase", template: str, system: bool, closing: str
) -> None:
    """What stands behind a turn that others follow must close the last turn too: no other turn's start."""
    text = _apply(tokenizer, template, _turns(PROBE[:2], "eva", system), ask=False)
    if not text.rpartition(PROBE[1]["content"])[2].startswith(closing):
        raise _endless(tokenizer, text)


def _endless(tokenizer: "PreTrainedTokenizerBase", text: str) -> InputError:
    return template_fault(
        tokenizer,
        "writes no end-of-turn token after each assistant turn: a model would never stop",
        rendered=text,
    )
