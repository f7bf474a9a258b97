"""How fast `eva serve` replies to clients that ask at the same time.

Run as `python -m benchmarks.serving CHECKOUT [CLIENTS ...]`, where the checkout has a registered model. It
serves the model there, and each client streams one reply. The first words of a reply come with the end of its
first sentence, because the guard reads whole sentences. Tokens per CPU second of the server hardly depend on
what else the machine does; all other figures do.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import psutil

_PORT, _CLIENTS = 18080, (1, 20, 40)
_ADDRESS = f"http://127.0.0.1:{_PORT}"
_PATIENCE = 600.0  # seconds; the server's own bound is lower
_ASKED = (
    "My exam is next week and I have not begun to study.",
    "My best friend moved to another town.",
    "I had an argument with my sister about the holidays.",
    "Nobody at the new office talks to me.",
)


@dataclass(frozen=True)
class Asked:
    """One request: its status, seconds to the first words and to the end, and the tokens of the reply.

    `source` is what the guard says of the reply, or the code of an error.
    """

    status: int
    source: str
    first: float
    whole: float
    tokens: int


@contextmanager
def served(checkout: Path) -> Iterator[psutil.Process]:
    """The server of a checkout's registered model."""
    command = [sys.executable, "-m", "eva", "serve", "--port", str(_PORT)]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL) as server:
        while not _is_up():
            if server.poll() is not None:
                raise SystemExit(f"{checkout}: `eva serve` ended with {server.returncode}")
            time.sleep(0.5)
        yield psutil.Process(server.pid)
        server.terminate()


def _is_up() -> bool:
    try:
        return httpx.get(f"{_ADDRESS}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def ask(number: int) -> Asked:
    """Stream one reply, with the number as its seed."""
    body = {
        "messages": [{"role": "user", "content": _ASKED[number % len(_ASKED)]}],
        "stream": True, "stream_options": {"include_usage": True}, "seed": number,
    }  # fmt: skip
    start = time.monotonic()
    with httpx.stream("POST", f"{_ADDRESS}/v1/chat/completions", json=body, timeout=_PATIENCE) as reply:
        if not reply.is_success:
            code = json.loads(reply.read())["error"]["code"]
            return Asked(reply.status_code, code, 0.0, time.monotonic() - start, 0)
        return _streamed(reply, start)


def _streamed(reply: httpx.Response, start: float) -> Asked:
    first, source, tokens = None, "none", 0
    for line in reply.iter_lines():
        if not line.startswith("data: {"):
            continue
        event = json.loads(line.removeprefix("data: "))
        if "error" in event:  # it waited for the model too long
            return Asked(503, event["error"]["code"], 0.0, time.monotonic() - start, 0)
        if first is None and event["choices"] and event["choices"][0]["delta"].get("content"):
            first = time.monotonic() - start
        source = event["eva"]["guard"]["source"] if "eva" in event else source
        tokens = event["usage"]["completion_tokens"] if "usage" in event else tokens
    whole = time.monotonic() - start
    return Asked(200, source, whole if first is None else first, whole, tokens)


def row(server: psutil.Process, clients: int) -> str:
    """A line of the table: this many clients at once; one client alone asks for each message in turn."""
    start, before = time.monotonic(), sum(server.cpu_times()[:2])
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(ask, range(max(clients, len(_ASKED)))))
    seconds, cpu = time.monotonic() - start, sum(server.cpu_times()[:2]) - before
    done = [one for one in found if one.status == httpx.codes.OK]
    outcomes = Counter((one.status, one.source) for one in found)
    told = ", ".join(f"{n} {status} {source}" for (status, source), n in outcomes.items())
    first, whole = ([getattr(one, name) for one in done] or [0.0] for name in ("first", "whole"))
    tokens = sum(one.tokens for one in done)
    return (
        f"| {clients} | {told} | {tokens / seconds:.1f} | {tokens / cpu:.1f} | {median(first):.1f} s, "
        f"{max(first):.1f} s | {median(whole):.1f} s, {max(whole):.1f} s |"
    )


def main(words: Sequence[str]) -> str:
    """A Markdown table with a row for each number of clients."""
    numbers = [int(word) for word in words[1:]] or _CLIENTS
    head = (
        "| clients at once | answers | tokens a second | tokens a CPU second | first words: median, longest "
        "| whole reply |"
    )
    with served(Path(words[0])) as server:
        ask(0)  # loads what loads at first use
        rows = [row(server, number) for number in numbers]
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows, load])


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1:])}\n")
