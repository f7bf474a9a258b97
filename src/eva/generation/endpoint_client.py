"""Sending requests to an OpenAI-compatible endpoint: several at once, within limits, none paid for twice.

The client library retries a request after status 408, 409, 429 or 5xx, a timeout or a lost connection. It
waits as long as `Retry-After` says, else longer each time.
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

AGAIN = "responses received so far are kept: the same command continues from there"

_SHORTEST_KEY = 8

log = logging.getLogger(__name__)


def ask(
    served: Served, requests: Sequence[Request], answers: Answers, on_answers: Callable[[int], object]
) -> list[Answer]:
    """The response to each request, in order; requests whose response is in `answers` are not sent.

    Args:
        served: the endpoint and model.
        requests: the requests.
        answers: the store of responses; new ones are added as they arrive.
        on_answers: called with the number of new responses.

    Raises:
        InputError: the endpoint refuses a request or cannot be reached. Responses received until then
            are kept, so that the same call continues from there.
    """
    kept = {one.name: answers.get(one) for one in requests}
    missing = {one.name: one for one in requests if kept[one.name] is None}
    log.info("%d requests, %d of them to be sent", len(requests), len(missing))
    on_answers(len(requests) - len(missing))
    run = _Run(served, answers, on_answers)
    if missing:
        asyncio.run(run.ask(list(missing.values())))
    given = kept | run.given
    return [answer for one in requests if (answer := given[one.name]) is not None]


class _Pace:
    """Limits the requests per minute and spaces them evenly; a retry counts as a request."""

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
            await self._side_by_side(
                client, iter(requests[:1]), 1
            )  # one request first, so that a wrong key or model fails only once
            await self._side_by_side(client, iter(requests[1:]), self._limits.concurrency)

    async def _side_by_side(self, client: openai.AsyncOpenAI, waiting: Iterator[Request], n: int) -> None:
        workers = [asyncio.create_task(self._work(client, waiting)) for _ in range(n)]
        try:
            await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:  # after a failure or Ctrl-C nothing new is sent; requests already sent are paid for and kept
            list(waiting)
            await asyncio.wait(workers)
        failures = [error for worker in workers if (error := worker.exception())]
        if failures:
            raise failures[0]

    async def _work(self, client: openai.AsyncOpenAI, waiting: Iterator[Request]) -> None:
        for request in waiting:
            await self._answer(client, request)

    async def _answer(self, client: openai.AsyncOpenAI, request: Request) -> None:
        self._answers.permit()
        try:
            # Not `chat.completions.create`, which would change unknown fields of the request and fail on
            # unusual responses.
            body = await client.post("/chat/completions", body=dict(request.body), cast_to=bytes)
        except openai.OpenAIError as error:
            raise InputError(self._without_key(self._explained(error))) from None
        try:
            answer = read_completion(body)
        except InputError as error:
            fault = f"{request.url} returns {error}; check the URL; {AGAIN}"
            raise InputError(self._without_key(fault)) from None
        self._answers[request] = self.given[request.name] = answer
        self._on_answers(1)

    def _without_key(self, text: str) -> str:
        """The text without the key, which servers repeat in errors; a short key (`none`) may be a word."""
        return text.replace(self._key, "…") if len(self._key) >= _SHORTEST_KEY else text

    def _explained(self, error: openai.OpenAIError) -> str:
        url, retries = self._served.url, self._limits.retries
        if isinstance(error, openai.APIConnectionError):
            fault = str(error.__cause__ or "") or str(error)
            return f"{url} cannot be reached ({fault}), with up to {retries} retries; {AGAIN}"
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            code = error.status_code
            return f"{url} refuses the key in {KEY} (HTTP {code}); set a key that may use this model"
        if isinstance(error, openai.APIStatusError) and _may_pass(error.status_code):
            fault = f"HTTP {error.status_code}, {_text(error)}"
            return f"{url} fails ({fault}), with up to {retries} retries; lower the request rate; {AGAIN}"
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
    """Give a response with an error in its body the status of that error, so that it is retried or raised."""
    if response.status_code == HTTPStatus.OK:
        response.status_code = error_status(await response.aread()) or HTTPStatus.OK


def _may_pass(status: int) -> bool:
    return status in {408, 409, 429} or status >= 500


def _text(error: openai.OpenAIError) -> str:
    return " ".join(str(error).split())[:300]
