"""Asking an OpenAI-compatible endpoint: many requests at once, within limits, each paid for once.

The client library repeats a request after 408, 409, 429, 5xx, a timeout or a lost connection,
and waits as long as `Retry-After` says, or else longer each time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

import openai

from eva.errors import InputError
from eva.generation.answers import Answer, Answers, Request
from eva.generation.chat_completion import error_status, read_completion
from eva.models.endpoint import KEY, Served
from eva.settings.backbones_section import Endpoint

AGAIN = "what was answered is kept: the same command goes on from there"

_SHORTEST_KEY = 8

log = logging.getLogger(__name__)


def ask(
    served: Served, requests: Sequence[Request], answers: Answers, on_answers: Callable[[int], object]
) -> list[Answer]:
    """An answer to each request, in order; what `answers` holds already is not asked.

    Raises `InputError` when the endpoint refuses or cannot be reached. What was answered until
    then is kept, so that the same call goes on from there.
    """
    kept = {one.name: answers.get(one) for one in requests}
    missing = {one.name: one for one in requests if kept[one.name] is None}
    log.info("%d requests, %d of them to be asked", len(requests), len(missing))
    on_answers(len(requests) - len(missing))
    run = _Run(served, answers, on_answers)
    if missing:
        asyncio.run(run.ask(list(missing.values())))
    given = kept | run.given
    return [answer for one in requests if (answer := given[one.name]) is not None]


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
        self.given: dict[str, Answer] = {}

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
            # Not `chat.completions.create`: the body goes out as it is, whatever fields a server adds,
            # and comes back as it is, whatever shape it has.
            body = await client.post("/chat/completions", body=dict(request.body), cast_to=bytes)
        except openai.OpenAIError as error:
            raise InputError(self._without_key(self._explained(error))) from None
        try:
            answer = read_completion(body)
        except InputError as error:
            fault = f"{request.url} answers with {error}; check the address; {AGAIN}"
            raise InputError(self._without_key(fault)) from None
        self._answers[request] = self.given[request.name] = answer
        self._on_answers(1)

    def _without_key(self, text: str) -> str:
        """Servers repeat a wrong key; what is too short to be one (`none`) is a word of the message."""
        return text.replace(self._key, "…") if len(self._key) >= _SHORTEST_KEY else text

    def _explained(self, error: openai.OpenAIError) -> str:
        url, retries = self._served.url, self._limits.retries
        if isinstance(error, openai.APIConnectionError):
            fault = str(error.__cause__ or "") or str(error)
            return f"{url} cannot be reached ({fault}), with up to {retries} retries; {AGAIN}"
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return (
                f"{url} refuses the key in {KEY} (HTTP {error.status_code}); set one that may use this model"
            )
        if isinstance(error, openai.APIStatusError) and _may_pass(error.status_code):
            fault = f"HTTP {error.status_code}, {_text(error)}"
            return f"{url} keeps failing ({fault}), with up to {retries} retries; ask more slowly; {AGAIN}"
        return f"{url} refuses a request to {self._served.model!r}: {_text(error)}; {AGAIN}"


def _client(url: str, key: str, limits: Endpoint) -> openai.AsyncOpenAI:
    pace = _Pace(limits.requests_per_minute)
    return openai.AsyncOpenAI(
        base_url=url,
        api_key=key,
        max_retries=limits.retries,
        timeout=limits.timeout,
        http_client=openai.DefaultAsyncHttpxClient(
            event_hooks={"request": [pace.wait], "response": [_take_errors_at_their_code]}
        ),
    )


async def _take_errors_at_their_code(response: Any) -> None:
    """An error under HTTP 200 is retried or raised as if it had come with its own status."""
    if response.status_code == HTTPStatus.OK:
        response.status_code = error_status(await response.aread()) or HTTPStatus.OK


def _may_pass(status: int) -> bool:
    return status in {408, 409, 429} or status >= 500


def _text(error: openai.OpenAIError) -> str:
    return " ".join(str(error).split())[:300]
