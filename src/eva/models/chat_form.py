"""The form in which a chat template writes assistant turns, found by rendering a short conversation.

Only prompts are rendered with the template, never a finished conversation, because what it adds after the
last turn (Phi-3's end of text) or before it (Qwen3's empty thought) belongs to no turn. A template is
supported if it writes every assistant turn in the same form, directly after its generation prompt.
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
_SHOWN = 240  # characters of a rendered text that are shown in a message


@dataclass(frozen=True, slots=True)
class EndToken:
    """The token that ends an assistant turn: generation stops at it, and training includes it."""

    id: int
    text: str


@dataclass(frozen=True)
class ChatForm:
    """How a template writes an assistant turn: `lead`, the content, `gap` and the end token.

    `template` is its Jinja text with a fixed date and without thoughts; `takes_system` says whether a
    system message has its own place (otherwise it is put before the first user message).
    """

    template: str
    takes_system: bool
    controls: ControlTokens
    lead: str
    gap: str
    end: EndToken

    def turn(self, content: str) -> str:
        """The text of an assistant turn, as it follows its generation prompt."""
        return f"{self.lead}{content}{self.gap}{self.end.text}"


def chat_form(tokenizer: "PreTrainedTokenizerBase") -> ChatForm:
    """The form of the tokenizer's chat template; `InputError` if a model cannot be trained with it."""
    return _learn(tokenizer, template_source(tokenizer.chat_template, model_name(tokenizer)))


def prompt_text(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], prompt: str) -> str:
    """The rendered prompt for a conversation that ends with the user, with the generation prompt.

    Control tokens in the contents of messages are hidden, see `ControlTokens`.
    """
    form = chat_form(tokenizer)
    hidden = [{**one, "content": form.controls.hide(one["content"])} for one in messages]
    return _apply(tokenizer, form.template, _turns(hidden, prompt, form.takes_system))


def model_name(tokenizer: "PreTrainedTokenizerBase") -> str:
    """The name of the tokenizer's model in messages."""
    return str(tokenizer.name_or_path or type(tokenizer).__name__)


def template_fault(tokenizer: "PreTrainedTokenizerBase", what: str, **shown: str) -> InputError:
    """The error that the chat template does `what`; `shown` are rendered texts by their description."""
    lines = [f"\n    {name.replace('_', ' ')}: {_shortened(text)}" for name, text in shown.items()]
    return InputError(
        f"{model_name(tokenizer)}: its chat template {what}{':' if lines else '.'}{''.join(lines)}\n"
        "    Give the backbone's folder another `chat_template.jinja`, or choose another backbone."
    )


def changing(tokenizer: "PreTrainedTokenizerBase", before: str, after: str) -> InputError:
    """The error for a template that renders earlier turns differently when later turns follow."""
    start = max(0, len(_shared_start(before, after)) - _SHOWN // 3)
    return template_fault(
        tokenizer,
        "renders the turns before a response differently when more turns follow",
        prompt_of_the_response=before[start:][:_SHOWN],
        the_same_turns_later=after[start:][:_SHOWN],
    )


def _shortened(text: str) -> str:
    """The end of a long text, because turns and prompts differ there."""
    return repr(text) if len(text) <= _SHOWN else f"…{text[-_SHOWN:]!r}"


@functools.lru_cache(maxsize=8)
def _learn(tokenizer: "PreTrainedTokenizerBase", template: str) -> ChatForm:
    """The form of a template, from two prompts of one conversation; `InputError` if it has no single form."""
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
    """Whether the template writes a system message at the start.

    Some templates raise an error for it, some drop it silently, and some move it to the last user turn,
    so that the text of earlier turns changes with every turn. For all of these, the system text is put
    before the first user message.
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
    """The prompts of the first and of the second assistant turn of `PROBE`."""
    first, second = (_apply(tokenizer, template, _turns(PROBE[:n], "eva", system)) for n in (1, 3))
    return first, second


def _turns(messages: Sequence[Message], prompt: str, system: bool) -> list[dict[str, str]]:
    """The messages with the system text as a message of its own, or before the first user message."""
    first, *turns = conversation(messages, prompt)
    if system:
        return [first, *turns]
    turns[0]["content"] = f"{first['content']}\n\n{turns[0]['content']}"
    return turns


def _apply(
    tokenizer: "PreTrainedTokenizerBase", template: str, turns: list[dict[str, str]], *, ask: bool = True
) -> str:
    """The rendered turns; with `ask`, followed by the generation prompt."""
    try:
        return str(
            tokenizer.apply_chat_template(
                turns, chat_template=template, tokenize=False, add_generation_prompt=ask
            )
        )
    except (TemplateError, TypeError, ValueError) as error:
        raise template_fault(tokenizer, f"refuses a conversation of {len(turns)} turns ({error})") from None


def _closed_thought(tokenizer: "PreTrainedTokenizerBase", thought: str, first: str, second: str) -> str:
    """`thought`, which only generation prompts have, if it is an empty thought; else `InputError`."""
    parted = part_thoughts(thought)
    if parted.unfinished:
        raise template_fault(
            tokenizer,
            f"opens a thought in the generation prompt ({thought!r}) that finished turns do not have, so the "
            "prompts in training and in generation would differ",
            generation_prompt=first,
            finished_turn=second[len(first) - len(thought) - _SHOWN // 3 :][:_SHOWN],
        )
    if parted.answer or parted.thoughts or not thought.strip():
        raise changing(tokenizer, first, second)
    return thought


def _turn(
    tokenizer: "PreTrainedTokenizerBase", controls: ControlTokens, first: str, second: str
) -> tuple[str, str, EndToken]:
    """Lead, gap and end token of the first assistant turn, as it is written in the prompt of the second."""
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
    """Refuse a template whose last turn ends differently from a turn that other turns follow."""
    text = _apply(tokenizer, template, _turns(PROBE[:2], "eva", system), ask=False)
    if not text.rpartition(PROBE[1]["content"])[2].startswith(closing):
        raise _endless(tokenizer, text)


def _endless(tokenizer: "PreTrainedTokenizerBase", text: str) -> InputError:
    return template_fault(
        tokenizer,
        "writes no end-of-turn token after each assistant turn, so a model would never stop generating",
        rendered=text,
    )
