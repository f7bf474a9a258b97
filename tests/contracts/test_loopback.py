"""No client that EVA uses asks this machine through a proxy, once `bypass_proxy` was called."""

import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import httpx2
import pytest
import requests

from eva.loopback import bypass_proxy, without_proxy

DEAD = "http://127.0.0.1:9"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of this machine, and a proxy for everything that does not answer."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, DEAD)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    server = HTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _urllib(url: str) -> int:
    with urllib.request.build_opener().open(url, timeout=20) as reply:  # `urlopen` remembers its first proxy
        return int(reply.status)


# What asks: our own code; MLflow's client; Prefect's; openai's.
CLIENTS = {
    "urllib": _urllib,
    "requests": lambda url: requests.get(url, timeout=20).status_code,
    "httpx": lambda url: httpx.get(url, timeout=20).status_code,
    "httpx2": lambda url: httpx2.get(url, timeout=20).status_code,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_this_machine_is_asked_directly(client: str, address: str) -> None:
    with pytest.raises((OSError, httpx.TransportError, httpx2.TransportError)):
        CLIENTS[client](address)
    bypass_proxy()
    assert CLIENTS[client](address) == 200
    assert CLIENTS[client](address.replace("127.0.0.1", "localhost")) == 200


def test_what_the_user_set_stays() -> None:
    made = without_proxy({"NO_PROXY": "intern.example, 10.0.0.1", "A": "b"})
    assert made == {
        "A": "b",
        "NO_PROXY": "intern.example,10.0.0.1,127.0.0.1,localhost,::1",
        "no_proxy": "intern.example,10.0.0.1,127.0.0.1,localhost,::1",
    }
    assert without_proxy({"no_proxy": "*"})["NO_PROXY"] == "*"
