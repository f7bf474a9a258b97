"""The text of a chat template, without anything in it that does not follow from the messages.

A prompt has to be the same tomorrow, on every machine and where the model is served. Templates of
Llama 3.2, SmolLM3 and Granite print today's date; they get a fixed one. Where a template knows
thoughts, they are turned off. Both is written into the template itself, so that it is hashed with
the prompt and saved with the model.
"""

import functools
import json
from collections.abc import Mapping

from jinja2 import Environment, TemplateSyntaxError

from eva.errors import InputError

# 26 July 2024: the date that Llama's own template falls back to.
_DATE = {
    "%d": "26", "%-d": "26", "%e": "26", "%b": "Jul", "%B": "July", "%m": "07", "%-m": "7", "%Y": "2024",
    "%y": "24", "%a": "Fri", "%A": "Friday", "%j": "208", "%F": "2024-07-26", "%D": "07/26/24",
    "%H": "12", "%I": "12", "%M": "00", "%S": "00", "%p": "PM", "%Z": "UTC", "%z": "+0000",
}  # fmt: skip
_CLOCK = "strftime_now"
_THINKING = "enable_thinking"  # the variable of Qwen3, SmolLM3, GLM, Nemotron and Hunyuan
# Jinja drops a line break after a block, and a template may begin with one.
_START = "{{ '' }}"
_RANDOM = ("lipsum", "random")  # Jinja's global and its filter: another text each time


def template_source(chat_template: str | Mapping[str, str] | None, name: str) -> str:
    """The template that a conversation is put to, its clock pinned; `name` is the model's, for messages.

    Of several named templates it is `default`. Raises `InputError` where there is none, where it
    is no Jinja, and where it draws at random.
    """
    if not chat_template:
        raise InputError(
            f"{name} has no chat template, so a conversation cannot be put to it; choose an "
            "instruction-tuned backbone or add `chat_template.jinja` to its folder"
        )
    if isinstance(chat_template, str):
        template = chat_template
    elif "default" in chat_template:
        template = chat_template["default"]
    else:
        raise InputError(
            f"{name} has chat templates named {', '.join(sorted(chat_template))}, and none is named "
            "`default`, which a conversation without tools or documents needs; save the right one as "
            "`chat_template.jinja` in its folder, or choose another backbone"
        )
    return _settled(template, name)


def with_thoughts(template: str, opening: str, thought: str) -> str:
    """The template with an empty thought in every assistant turn, as TRL's training templates have it.

    Qwen3's writes it into the generation prompt and leaves it out of finished turns. `opening` is
    what both begin with. The content of a message cannot hold it: it begins with a control token.
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
        raise InputError(f"{name}: its chat template is no Jinja template ({error}); replace it") from None
    found = [word for word in _RANDOM if word in words]
    if found:
        raise InputError(
            f"{name}: its chat template draws at random (`{found[0]}`), so a prompt would not be the same "
            "twice; take that out of `chat_template.jinja`, or choose another backbone"
        )


def _pinned(template: str) -> str:
    """The template with a clock that stands still, if it asks one."""
    if _CLOCK not in template or f"macro {_CLOCK}(" in template:
        return template
    date = "".join(f"|replace({code!r}, {value!r})" for code, value in _DATE.items())
    return f"{{% macro {_CLOCK}(format) -%}}{{{{ format{date} }}}}{{%- endmacro %}}{_START}{template}"


def _without_thinking(template: str) -> str:
    setting = f"{{% set {_THINKING} = false %}}{_START}"
    if _THINKING not in template or setting in template:
        return template
    return setting + template
