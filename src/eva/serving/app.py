"""The HTTP application: chat completions, the list of models, health, and the chat page."""

import asyncio
import contextlib
import html
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from eva.safety.notices import OPENING
from eva.serving.answering import Answered, Answering
from eva.serving.chat_request import ChatRequest, read_body, read_request
from eva.serving.completion import Completion, event
from eva.serving.pending import Pending
from eva.serving.refusals import GoneError, RefusedError, failed
from eva.settings.serve_section import Serve

log = logging.getLogger(__name__)

_LOOK = 0.2  # seconds between two looks at whether a client is still connected
_PAGE = {"": "text/html", "chat.css": "text/css", "chat.js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Keep = Callable[[ChatRequest, Answered], None]


@dataclass
class Server:
    """Answers within bounds; `keep` stores a conversation where a setting asks for it.

    A message about danger gets its referral also where there are too many requests.
    """

    answering: Answering
    bounds: Serve
    keep: Keep | None = None
    _at_work: int = 0
    _threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._threads = ThreadPoolExecutor(2 * self.bounds.at_once, thread_name_prefix="reply")

    async def complete(self, request: Request) -> Response:
        """An answer, whole or streamed; a `RefusedError` says why there is none."""
        given = read_request(await read_body(request.stream(), self.bounds), self.bounds)
        model = await asyncio.to_thread(self.answering.models.find, given.model)
        busy = self._at_work >= self.bounds.at_once
        if busy and not await asyncio.to_thread(self.answering.refers, given):
            raise RefusedError(429, f"{self.bounds.at_once} requests are being answered; try again", "busy")
        self._at_work += 1
        pending = Pending(self.bounds.seconds, asyncio.get_running_loop())
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._work, given, model, pending)
        work.add_done_callback(self._done)
        if given.stream:
            pieces = self._stream(Completion(model), given, work, pending)
            return StreamingResponse(pieces, media_type="text/event-stream", headers=_HEADERS)
        with _leaving(pending):
            await _until_done(work, request)
            return JSONResponse(Completion(model).whole(await work), headers=_HEADERS)

    def health(self) -> dict[str, Any]:
        """Whether it can take a request, which model it serves, and how much it does."""
        return {
            "status": "ok" if self._at_work < self.bounds.at_once else "busy",
            "model": self.answering.models.served,
            "at_work": self._at_work,
        }

    def models(self) -> dict[str, Any]:
        """All models, as OpenAI lists them."""
        listed = self.answering.models.listed()
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "eva", "aliases": aliases}
                for name, aliases in listed.items()]  # fmt: skip
        return {"object": "list", "data": rows}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, given: ChatRequest, model: str, pending: Pending) -> Answered:
        try:
            said = self.answering.answer(given, model, pending)
            if self.keep is not None:
                self.keep(given, said)
            return said
        except (GoneError, RefusedError):
            raise
        except Exception:
            log.exception("a request failed")
            raise failed() from None
        finally:
            pending.tell(None)

    def _done(self, work: "asyncio.Future[Answered]") -> None:
        self._at_work -= 1
        if not work.cancelled():
            work.exception()  # asked for, or asyncio would log it where nobody waits for it any more

    async def _stream(
        self, completion: Completion, given: ChatRequest, work: "asyncio.Future[Answered]", pending: Pending
    ) -> AsyncIterator[str]:
        with _leaving(pending):
            yield completion.first()
            while (piece := await pending.said.get()) is not None:
                if piece:
                    yield completion.piece(piece)
            try:
                yield completion.last(await work, bool(given.stream_options.get("include_usage")))
            except RefusedError as refused:
                yield event(refused.body)


@contextlib.contextmanager
def _leaving(pending: Pending) -> Any:
    """However the block is left, nobody waits for the answer after it."""
    try:
        yield
    finally:
        pending.leave()


async def _until_done(work: "asyncio.Future[Answered]", request: Request) -> None:
    while not work.done():
        await asyncio.wait([work], timeout=_LOOK)
        if not work.done() and await request.is_disconnected():
            raise GoneError


def application(server: Server, hosts: list[str]) -> FastAPI:
    """The application; requests for other `hosts` are refused, against DNS rebinding."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        server.close()

    app = FastAPI(title="EVA", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    app.add_exception_handler(RefusedError, _refusal)
    app.add_exception_handler(GoneError, _nobody)
    app.add_exception_handler(Exception, _failure)
    app.add_api_route("/v1/chat/completions", server.complete, methods=["POST"], response_model=None)
    app.add_api_route("/v1/models", server.models)
    app.add_api_route("/health", server.health)
    for name, kind in _PAGE.items():
        app.add_api_route(f"/{name}", _file(name or "chat.html", kind, server), include_in_schema=False)
    return app


def _file(name: str, kind: str, server: Server) -> Callable[[], Response]:
    stored = "Nothing is stored." if server.keep is None else "This server stores what is written."
    notice = html.escape(OPENING.replace("Nothing is stored.", stored))
    content = files(__package__).joinpath("page", name).read_text(encoding="utf-8")
    content = content.replace("{{notice}}", notice).replace("{{longest}}", str(server.bounds.characters))
    return lambda: Response(content, media_type=kind, headers=_HEADERS)


async def _refusal(_: Request, refused: Exception) -> Response:
    assert isinstance(refused, RefusedError)  # noqa: S101 - registered for this type
    return JSONResponse(refused.body, refused.status, headers=refused.headers)


async def _nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


async def _failure(_: Request, __: Exception) -> Response:
    """Starlette logs the traceback."""
    return await _refusal(_, failed())
