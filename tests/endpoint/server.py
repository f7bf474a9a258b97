"""An OpenAI-compatible server in a process of its own, which writes down what it was asked.

It can answer with faults first, take its time, and die under load. Its journal outlives it, so
that a test counts over restarts what was asked and what was paid.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "sk-test-0123456789"


@dataclass
class Behaviour:
    """What a server does; `faults` are answered first, `dies_after` counts paid answers."""

    journal: str
    port: int = 0
    delay: float = 0.0
    faults: tuple[int, ...] = ()
    retry_after: str | None = None
    dies_after: int | None = None
    model: str = "served-model"
    says: str | None = None
    way: str = "plain"  # the shape of its answers, see `_shape`


@dataclass(frozen=True)
class Served:
    """A running server and its journal."""

    url: str
    journal: Path
    process: "subprocess.Popen[str]"

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [entry for entry in self.entries() if entry["what"] == "asked"]

    @property
    def paid(self) -> list[str]:
        return [entry["digest"] for entry in self.entries() if entry["what"] == "paid"]


@contextmanager
def serving(journal: Path, **behaviour: Any) -> Iterator[Served]:
    """A server until the end of the block; give `port` to come back at an earlier one's address."""
    journal.touch()
    words = [sys.executable, "-I", "-S", __file__, json.dumps(asdict(Behaviour(str(journal), **behaviour)))]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Served(f"http://127.0.0.1:{process.stdout.readline().strip()}/v1", journal, process)
    finally:
        process.kill()
        process.wait()


def _shape(way: str, digest: str) -> bytes:
    """A body in one of the shapes that servers give."""
    said, reason, usage = f"Number {digest[:6]}.", "stop", {"prompt_tokens": 100, "completion_tokens": 10}
    message: dict[str, Any] = {"role": "assistant", "content": said}
    shapes: dict[str, dict[str, Any]] = {
        "thought": {"content": f"<think>\nThey grieve.\n</think>\n\n{said}"},
        "thought apart": {"reasoning_content": "They grieve."},
        "thought in parts": {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "They grieve."}]},
                {"type": "text", "text": said},
            ]
        },
        "cut thought": {"content": "<think>\nThey grieve and"},
        "cut thought apart": {"content": None, "reasoning": "They grieve and"},
        "parts": {"content": [{"type": "text", "text": said[:6]}, {"type": "text", "text": said[6:]}]},
        "null": {"content": None},
        "filtered": {"content": ""},
        "refusal": {"content": None, "refusal": said},
        "half a character": {"content": f"{said}\ud83d\0"},
    }
    message |= shapes.get(way, {})
    reason = {"filtered": "content_filter"}.get(way, "length" if way.startswith("cut") else reason)
    body: dict[str, Any] = {
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
        "usage": usage,
        "model": "served-model",
    }
    whole: dict[str, Any] = {
        "no usage": {**body, "usage": None},
        "no choice": {**body, "choices": []},
        "error": {"error": {"message": "the quota is exceeded", "code": "insufficient_quota"}},
        "busy": {"error": {"message": "no provider is free", "code": 503}},
        "list": [body],
    }
    text = {"page": "<html>Sign in</html>", "nothing": "", "cut body": json.dumps(body)[:-9]}
    return text.get(way, json.dumps(whole.get(way, body))).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour, self.lock = behaviour, threading.Lock()
        self.asked = self.paid = self.open = 0
        super().__init__(("127.0.0.1", behaviour.port), _Handler)

    def note(self, **entry: Any) -> None:
        with Path(self.behaviour.journal).open("a") as file:
            file.write(json.dumps({**entry, "at": time.monotonic()}) + "\n")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server, how = self.server, self.server.behaviour
        body = self.rfile.read(int(self.headers["Content-Length"]))
        digest = hashlib.sha256(body).hexdigest()
        with server.lock:
            server.open += 1
            server.asked += 1
            fault = how.faults[server.asked - 1] if server.asked <= len(how.faults) else None
            server.note(what="asked", digest=digest, at_once=server.open, body=json.loads(body))
        time.sleep(how.delay)
        with server.lock:  # so that a death never comes between payment and answer
            server.open -= 1
            if how.dies_after is not None and server.paid >= how.dies_after:
                os._exit(1)
            self._answer(json.loads(body), digest, fault)

    def _answer(self, body: dict[str, Any], digest: str, fault: int | None) -> None:
        how = self.server.behaviour
        if self.headers["Authorization"] != f"Bearer {KEY}":
            said = f"Incorrect API key: {self.headers['Authorization']}"
            return self._send(401, {"error": {"message": said}})
        if body["model"] != how.model:
            return self._send(404, {"error": {"message": f"the model {body['model']} does not exist"}})
        if fault is not None:
            return self._send(fault, {"error": {"message": f"fault {fault}"}})
        self.server.paid += 1
        self.server.note(what="paid", digest=digest)
        text = how.says or f"That sounds hard, number {digest[:6]}."
        if how.way != "plain":
            return self._send_bytes(200, _shape(how.way, digest))
        words = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return self._send(
            200,
            {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": f"{how.model}-2026",
                "usage": words,
            }
            | {"choices": [choice]},
        )

    def _send(self, status: int, content: dict[str, Any]) -> None:
        self._send_bytes(status, json.dumps(content).encode())

    def _send_bytes(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status in {429, 503} and self.server.behaviour.retry_after:
            self.send_header("Retry-After", self.server.behaviour.retry_after)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr: the journal has it."""


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    made = _Server(Behaviour(**given))
    sys.stdout.write(f"{made.server_address[1]}\n")
    sys.stdout.flush()
    made.serve_forever()
