"""Prefect's server, which answers only requests that are meant for it and come from its own pages.

Prefect asks for a password and limits what other pages may read, but it serves any Host (so that a foreign
name can be pointed at 127.0.0.1) and carries out what a foreign page sends. Start it with
`uvicorn --factory flows.guarded_api:create_app`; PREFECT_SERVER_CORS_ALLOWED_ORIGINS lists the addresses
(`http://127.0.0.1:4200`) under which it may be reached.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from fastapi.datastructures import Headers
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import PlainTextResponse
from prefect.server.api.server import create_app as create_prefect_app
from prefect.settings import get_current_settings


class OwnOrigins:
    """ASGI middleware that refuses requests which a page of another origin has sent."""

    def __init__(self, app: Any, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_request = scope["type"] in ("http", "websocket")
        origin = Headers(scope=scope).get("origin") if is_request else None
        if origin is None or origin in self._origins:  # only browsers send an origin
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("foreign origin", status_code=403)(scope, receive, send)


def create_app() -> Any:
    """Prefect's ASGI application behind both checks."""
    origins = get_current_settings().server.api.cors_allowed_origins.split(",")
    hosts = [host for origin in origins if (host := urlsplit(origin).hostname)]
    return TrustedHostMiddleware(OwnOrigins(create_prefect_app(final=True), origins), hosts)
