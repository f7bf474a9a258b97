"""Asking an OpenAI-compatible endpoint: many requests at once, within limits, each paid for once.

The client library repeats a request after 408, 409, 429, 5xx, a timeout or a lost connection,
and waits as long as `Retry-After` says, or else longer each time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from eva.errors import InputError
from eva.generation.answers import Answer, Answers, Request
from eva.models.endpoint import KEY, Served
from eva.settings.backbones_section import Endpoint

log = logging.getLogger(__name__)


def ask(
    served: Served, requests: Sequence[Request], answers: Answers, on_answers: Callable[[int], object]
) -> list[Answer]:
    """An answer to each request, in order; what `answers` holds already is not asked.

    Raises `InputError` when the endpoint refuses or cannot be reached. What was answered until
    then is kept, so that the same call goes on from there.
    """
    missing = {one.name: one for one in requests if one not in answers}
    log.info("%d requests, %d of them to be asked", len(requests), len(missing))
    on_answers(len(requests) - len(missing))
    if missing:
        asyncio.run(_Run(served, answers, on_answers).ask(list(missing.values())))
    return [answers[one] for one in requests]


class _Pace:
    """At most so many requests a minute, evenly spaced; a repeated request counts again."""

    def __init__(self, per_minute: int | None) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def wait(self, _request: Any) -> None:
        now = time.monotonic()
        start = max(now, self._next)
        self._next = start + self._gap
        await asyncio.sleep(start - now)


class _Run:
    """The requests of one call."""

    def __init__(self, served: Served, answers: Answers, on_answers: Callable[[int], object]) -> None:
        self._served, self._answers, self._on_answers = served, answers, on_answers
        self._key, self._limits = served.key(), served.limits

    async def ask(self, requests: Sequence[Request]) -> None:
        async with _client(self._served.url, self._key, self._limits) as client:
            await self._side_by_side(client, iter(requests[:1]), 1)  # a wrong key or model is refused once
            await self._side_by_side(client, iter(requests[1:]), self._limits.concurrency)

    async def _side_by_side(self, client: openai.AsyncOpenAI, waiting: Iterator[Request], n: int) -> None:
        workers = [asyncio.create_task(self._work(client, waiting)) for _ in range(n)]
        try:
            await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:  # after a failure or Ctrl-C nothing new starts; what is under way is paid for and kept
            list(waiting)
            await asyncio.wait(workers)
        failures = [error for worker in workers if (error := worker.exception())]
        if failures:
            raise failures[0]

    async def _work(self, client: openai.AsyncOpenAI, waiting: Iterator[Request]) -> None:
        for request in waiting:
            await self._answer(client, request)

    async def _answer(self, client: openai.AsyncOpenAI, request: Request) -> None:
        try:
            # Not `chat.completions.create`: the body goes out as it is, whatever fields a server adds.
            said = await client.post("/chat/completions", body=dict(request.body), cast_to=ChatCompletion)
        except openai.OpenAIError as error:
            raise InputError(self._explained(error).replace(self._key, "…")) from None
        self._answers[request] = _read(said, request)
        self._on_answers(1)

    def _explained(self, error: openai.OpenAIError) -> str:
        url, retries = self._served.url, self._limits.retries
        again = "what was answered is kept: the same command goes on from there"
        if isinstance(error, openai.APIConnectionError):
            fault = str(error.__cause__ or "") or str(error)
            return f"{url} cannot be reached ({fault}), with up to {retries} retries; {again}"
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return (
                f"{url} refuses the key in {KEY} (HTTP {error.status_code}); set one that may use this model"
            )
        if isinstance(error, openai.APIStatusError) and _may_pass(error.status_code):
            fault = f"HTTP {error.status_code}, {_text(error)}"
            return f"{url} keeps failing ({fault}), with up to {retries} retries; ask more slowly; {again}"
        return f"{url} refuses a request to {self._served.model!r}: {_text(error)}; {again}"


def _client(url: str, key: str, limits: Endpoint) -> openai.AsyncOpenAI:
    pace = _Pace(limits.requests_per_minute)
    return openai.AsyncOpenAI(
        base_url=url,
        api_key=key,
        max_retries=limits.retries,
        timeout=limits.timeout,
        http_client=openai.DefaultAsyncHttpxClient(event_hooks={"request": [pace.wait]}),
    )


def _may_pass(status: int) -> bool:
    return status in {408, 409, 429} or status >= 500


def _text(error: openai.OpenAIError) -> str:
    return " ".join(str(error).split())[:300]


def _read(said: Any, request: Request) -> Answer:
    if not isinstance(said, ChatCompletion) or not said.choices:
        raise InputError(
            f"{request.url} answers with something else than a chat completion; check the address"
        )
    choice, usage = said.choices[0], said.usage
    return Answer(
        text=choice.message.content or "",
        model=said.model or "",
        finish_reason=choice.finish_reason or "",
        input_tokens=usage.prompt_tokens if usage else 0,
        output_tokens=usage.completion_tokens if usage else 0,
    )
