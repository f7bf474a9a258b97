"""What servers send back as a chat completion, in all the shapes that they do.

The format is OpenAI's; servers differ in where a thought stands, in what a filtered answer looks
like and in what they leave out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from eva.errors import InputError
from eva.generation.answers import Answer
from eva.plain_text import json_value, storable

_SHOWN = 200  # characters of a body that is no chat completion
_REASONING = ("reasoning_content", "reasoning")  # DeepSeek, vLLM and SGLang; OpenRouter and Ollama


def read_completion(body: bytes) -> Answer:
    """The answer in the body of a response; an `InputError` shows a body that holds none.

    Text that no file could hold (half a surrogate pair, NUL) gets U+FFFD: it was paid for. A refusal
    that comes apart is what the model says. Parts of another type than `text` are thoughts.
    """
    said = _object(body)
    choice = _first(said.get("choices"))
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise InputError(f"something else than a chat completion ({_shown(body)})")
    text, thought = _content(message.get("content"))
    apart = next((message[key] for key in _REASONING if isinstance(message.get(key), str)), thought)
    refusal = message.get("refusal")
    usage = said.get("usage")
    counted = usage if isinstance(usage, Mapping) else {}
    return Answer(
        text=storable(text or (refusal if isinstance(refusal, str) else "")),
        model=storable(str(said.get("model") or "")),
        finish_reason=storable(str(choice.get("finish_reason") or "")),
        input_tokens=_number(counted.get("prompt_tokens")),
        output_tokens=_number(counted.get("completion_tokens")),
        reasoning=storable(apart),
    )


def error_status(body: bytes) -> int | None:
    """The status that a body stands for if it is an error, whatever status it came with.

    Routers answer HTTP 200 before they know whether the model behind them does; the error's own code,
    where it is an HTTP status, tells whether asking again may help.
    """
    try:
        error = _object(body).get("error")
    except InputError:
        return None
    if not error:
        return None
    code = str(error.get("code")) if isinstance(error, Mapping) else ""
    return int(code) if code.isascii() and code.isdigit() and 400 <= int(code) < 600 else 400


def _object(body: bytes) -> Mapping[str, Any]:
    found, _ = json_value(body.decode(errors="replace").removeprefix("\ufeff"))  # halves are mended later
    if not isinstance(found, Mapping):
        raise InputError(f"something else than a chat completion ({_shown(body)})")
    return found


def _first(choices: Any) -> Mapping[str, Any]:
    choice = choices[0] if isinstance(choices, list) and choices else {}
    return choice if isinstance(choice, Mapping) else {}


def _content(content: Any) -> tuple[str, str]:
    """The text and the thought of a message's content: one text, a list of parts, or nothing."""
    parts = content if isinstance(content, list) else [content]
    texts = [(text, is_text) for part in parts for text, is_text in _texts(part)]
    return "".join(t for t, is_text in texts if is_text), "".join(t for t, is_text in texts if not is_text)


def _texts(part: Any) -> Iterator[tuple[str, bool]]:
    """The texts in a part of the content, each with whether it is said (and not thought)."""
    if isinstance(part, str):
        yield part, True
    elif isinstance(part, Mapping):
        is_text = part.get("type") in ("text", "output_text", None)
        for value in (part.get("text"), part.get("thinking"), part.get("reasoning")):
            inner = value if isinstance(value, list) else [value]
            yield from ((text, is_text and said) for piece in inner for text, said in _texts(piece))


def _number(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _shown(body: bytes) -> str:
    text = " ".join(body.decode(errors="replace").split())
    return repr(text[:_SHOWN]) if text else "an empty body"
