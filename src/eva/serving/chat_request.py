"""Reading the body of a request for a chat completion, within bounds."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from eva.errors import InputError
from eva.plain_text import parse_json
from eva.registry.served_chat import alternating
from eva.serving.refusals import RefusedError
from eva.settings.serve_section import Serve

_SAMPLING = ("temperature", "top_p", "max_tokens", "n", "stop", "top_k", "frequency_penalty",
             "presence_penalty", "tools")  # fmt: skip


class ChatMessage(BaseModel):
    """One message; its content is a text or a list of text parts."""

    role: str
    content: str

    @field_validator("content", mode="before")
    @classmethod
    def _joined(cls, given: Any) -> Any:
        if not isinstance(given, list):
            return "" if given is None else given
        told = [part.get("text") if isinstance(part, Mapping) else None for part in given]
        texts = [text for text in told if isinstance(text, str)]
        if len(texts) < len(told):
            raise ValueError("this model reads text only: give a text, or parts of the type `text`")
        return " ".join(texts)


class ChatRequest(BaseModel):
    """A request in OpenAI's form; `labels` asks for the level and type of the reply beside it.

    What is null counts as left out, as in OpenAI's API.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model: str | None = None
    messages: list[ChatMessage]
    stream: bool = False
    stream_options: dict[str, Any] = Field(default_factory=dict)
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    labels: bool = False

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {name: value for name, value in given.items() if value is not None}

    @property
    def turns(self) -> list[dict[str, str]]:
        """The conversation in turns, as training saw them."""
        return alternating([{"role": one.role, "content": one.content} for one in self.messages])

    @property
    def sampling(self) -> dict[str, Any]:
        """What the client chooses of the decoding, as `ChatModel` reads it."""
        chosen = {**self.model_dump(), "max_tokens": self.max_completion_tokens or self.max_tokens}
        return {name: chosen[name] for name in _SAMPLING if chosen.get(name) is not None}


async def read_body(stream: AsyncIterator[bytes], bounds: Serve) -> bytes:
    """The body, read no further than the bound."""
    body = bytearray()
    async for part in stream:
        body += part
        if len(body) > bounds.kilobytes * 1024:
            raise RefusedError(413, f"the request is larger than {bounds.kilobytes} kB", "request_too_large")
    return bytes(body)


def read_request(body: bytes, bounds: Serve) -> ChatRequest:
    """The request in a body; `RefusedError` with all that is wrong with it."""
    try:
        given = ChatRequest.model_validate(parse_json(body.decode()))
        _require_bounds(given, bounds)
        given.turns  # noqa: B018 - checks roles and order
    except UnicodeDecodeError:
        raise RefusedError(400, "the request is not UTF-8", "invalid_json") from None
    except ValidationError as error:
        raise RefusedError(400, _told(error), "invalid_request") from None
    except InputError as error:
        raise RefusedError(400, str(error), "invalid_request") from None
    return given


def _require_bounds(given: ChatRequest, bounds: Serve) -> None:
    if len(given.messages) > bounds.messages:
        raise InputError(
            f"the conversation has {len(given.messages)} messages; this server reads {bounds.messages}"
        )
    for number, message in enumerate(given.messages, start=1):
        if len(message.content) > bounds.characters:
            size = len(message.content)
            raise InputError(f"message {number} has {size} characters; this server reads {bounds.characters}")


def _told(error: ValidationError) -> str:
    faults = [(".".join(map(str, one["loc"])) or "the request", one["msg"]) for one in error.errors()[:5]]
    return "; ".join(f"{where}: {what}" for where, what in faults)
