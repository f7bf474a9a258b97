"""The text of a chat template, changed so that a prompt depends only on the messages.

A prompt must be the same on every day and machine, and where the model is served. Templates of Llama 3.2,
SmolLM3 and Granite print today's date; they get a fixed date. If a template supports thoughts, they are
turned off. Both changes are made in the template itself, so that they are hashed with the prompt and
saved with the model.
"""

import functools
import json
from collections.abc import Mapping

from jinja2 import Environment, TemplateSyntaxError

from eva.errors import InputError

# 26 July 2024: the default date of Llama's own template.
_DATE = {
    "%d": "26", "%-d": "26", "%e": "26", "%b": "Jul", "%B": "July", "%m": "07", "%-m": "7", "%Y": "2024",
    "%y": "24", "%a": "Fri", "%A": "Friday", "%j": "208", "%F": "2024-07-26", "%D": "07/26/24",
    "%H": "12", "%I": "12", "%M": "00", "%S": "00", "%p": "PM", "%Z": "UTC", "%z": "+0000",
}  # fmt: skip
_CLOCK = "strftime_now"
_THINKING = "enable_thinking"  # the variable of Qwen3, SmolLM3, GLM, Nemotron and Hunyuan
# Jinja drops a line break after a block, but a template may begin with a line break: this keeps it.
_START = "{{ '' }}"
_RANDOM = ("lipsum", "random")  # Jinja's global and filter that give another text each time


def template_source(chat_template: str | Mapping[str, str] | None, name: str) -> str:
    """The chat template that EVA uses: of several named ones `default`, with a fixed date, thoughts off.

    `name` is the name of the model in messages.

    Raises:
        InputError: there is no template, it is not valid Jinja, or it contains random text.
    """
    if not chat_template:
        raise InputError(
            f"{name} has no chat template, so it cannot read a conversation; choose an "
            "instruction-tuned backbone or add `chat_template.jinja` to its folder"
        )
    if isinstance(chat_template, str):
        template = chat_template
    elif "default" in chat_template:
        template = chat_template["default"]
    else:
        raise InputError(
            f"{name} has chat templates named {', '.join(sorted(chat_template))}, but none named `default`, "
            "the one for conversations without tools or documents; save the right one as "
            "`chat_template.jinja` in its folder, or choose another backbone"
        )
    return _settled(template, name)


def with_thoughts(template: str, opening: str, thought: str) -> str:
    """The template with an empty thought in every assistant turn, as in TRL's training templates.

    Qwen3's template writes `thought` into the generation prompt but not into finished turns. `opening` is
    the text with which both begin; it starts with a control token, so no message can contain it.
    """
    plain, thoughtful = json.dumps(opening, ensure_ascii=False), json.dumps(thought, ensure_ascii=False)
    every = f"replace({plain} ~ {thoughtful}, {plain}) | replace({plain}, {plain} ~ {thoughtful})"
    return f"{{% set eva_chat %}}{_START}{template}{_START}{{% endset %}}{{{{ eva_chat | {every} }}}}"


@functools.lru_cache(maxsize=8)
def _settled(template: str, name: str) -> str:
    _refuse_chance(template, name)
    return _without_thinking(_pinned(template))


def _refuse_chance(template: str, name: str) -> None:
    try:
        words = {value for _, kind, value in Environment(autoescape=True).lex(template) if kind == "name"}
    except TemplateSyntaxError as error:
        raise InputError(f"{name}: its chat template is not valid Jinja ({error}); replace it") from None
    found = [word for word in _RANDOM if word in words]
    if found:
        raise InputError(
            f"{name}: its chat template contains random text (`{found[0]}`), so a prompt would not be the "
            "same twice; remove that from `chat_template.jinja`, or choose another backbone"
        )


def _pinned(template: str) -> str:
    """The template with a fixed date, if it prints today's."""
    if _CLOCK not in template or f"macro {_CLOCK}(" in template:
        return template
    date = "".join(f"|replace({code!r}, {value!r})" for code, value in _DATE.items())
    return f"{{% macro {_CLOCK}(format) -%}}{{{{ format{date} }}}}{{%- endmacro %}}{_START}{template}"


def _without_thinking(template: str) -> str:
    setting = f"{{% set {_THINKING} = false %}}{_START}"
    if _THINKING not in template or setting in template:
        return template
    return setting + template
