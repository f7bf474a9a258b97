"""Refused requests, in the form that clients of OpenAI's API read."""

from typing import Any

_TYPES = {404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 500: "server_error",
          503: "server_error"}  # fmt: skip


class RefusedError(Exception):
    """A request that is not answered: its status, one message for the person, and a code for programs."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code

    @property
    def body(self) -> dict[str, Any]:
        kind = _TYPES.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """A client that is refused for now may try again."""
        return {"Retry-After": "5"} if self.status in (429, 503) else {}


def failed() -> RefusedError:
    """For a fault of ours: nothing of the conversation is told."""
    return RefusedError(500, "the server failed; its log says why", "internal_error")


class GoneError(Exception):
    """The client has left, so its work ends."""
