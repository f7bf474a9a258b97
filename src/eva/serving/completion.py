"""Answers in OpenAI's form: a chat completion, and the chunks of a streamed one.

The field `eva` says what the guard did, and the labels of the reply where they were asked for. A text that is
not the model's has the finish reason `content_filter`.
"""

import json
import time
import uuid
from typing import Any

from eva.serving.answering import Answered

_CHUNK = "chat.completion.chunk"


class Completion:
    """One completion of the model `model` (with its version)."""

    def __init__(self, model: str) -> None:
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}

    def whole(self, said: Answered) -> dict[str, Any]:
        """The body of an answer at once."""
        message = {"role": "assistant", "content": said.text}  # not the thought: the guard does not read it
        choice = {"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}
        return {
            **self._head, "object": "chat.completion", "choices": [choice], "usage": usage(said),
            "eva": about(said),
        }  # fmt: skip

    def first(self) -> str:
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> str:
        return self._chunk({"content": text})

    def last(self, said: Answered, with_usage: bool) -> str:
        end = self._chunk({}, finish_reason=said.finish, eva=about(said))
        if with_usage:
            end += event({**self._head, "object": _CHUNK, "choices": [], "usage": usage(said)})
        return f"{end}data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return event({**self._head, "object": _CHUNK, "choices": [choice], **more})


def event(value: Any) -> str:
    """A server-sent event."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def usage(said: Answered) -> dict[str, int]:
    """The tokens that the model has read and written."""
    read, written = (said.generated.read, said.generated.written) if said.generated else (0, 0)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def about(said: Answered) -> dict[str, Any]:
    """What the guard did, and the labels."""
    topic = said.finding.topic if said.finding else None
    return {"guard": {"source": said.source, "topic": topic}, **said.labels}
