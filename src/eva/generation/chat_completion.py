"""Parsing of chat completions in the variants that servers return.

The format is OpenAI's; servers differ in where they put thoughts, in how they mark filtered responses, and
in which fields they leave out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from eva.errors import InputError
from eva.generation.answers import Answer
from eva.plain_text import json_value, storable

_SHOWN = 200  # characters of an unknown body that a message shows
_REASONING = ("reasoning_content", "reasoning")  # DeepSeek, vLLM and SGLang; OpenRouter and Ollama


def read_completion(body: bytes) -> Answer:
    """The response in the body of an HTTP response.

    Unpaired surrogates and NUL, which no text file can hold, are replaced by U+FFFD, because the response
    was paid for. If there is no content but a `refusal`, that is the text. Content parts of another type
    than `text` are thoughts.

    Raises:
        InputError: the body is not a chat completion; the message shows its start.
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
    """The HTTP status of an error in the body of a response with status 200; None if there is none.

    Routers return HTTP 200 before they know whether the model behind them responds. The `code` of the
    error, if it is an HTTP status, tells whether a retry may help; else 400.
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
    found, _ = json_value(
        body.decode(errors="replace").removeprefix("\ufeff")
    )  # unpaired surrogates are replaced later
    if not isinstance(found, Mapping):
        raise InputError(f"something else than a chat completion ({_shown(body)})")
    return found


def _first(choices: Any) -> Mapping[str, Any]:
    choice = choices[0] if isinstance(choices, list) and choices else {}
    return choice if isinstance(choice, Mapping) else {}


def _content(content: Any) -> tuple[str, str]:
    """The text and the thoughts in the content of a message, which is a text, a list of parts or missing."""
    parts = content if isinstance(content, list) else [content]
    texts = [(text, is_text) for part in parts for text, is_text in _texts(part)]
    return "".join(t for t, is_text in texts if is_text), "".join(t for t, is_text in texts if not is_text)


def _texts(part: Any) -> Iterator[tuple[str, bool]]:
    """The texts in a part of the content, each with whether it is response text (and not a thought)."""
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
