"""A model folder behind an OpenAI-compatible address on 127.0.0.1, for the studies: several requests at once.

    PYTHONPATH=src python docs/studies/chat_server.py MODEL_FOLDER PORT JOURNAL

Prints its port when it is ready, and writes one line into JOURNAL for every request that it has answered.
"""

import hashlib
import json
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from eva.devices import decide
from eva.generation.decode import stop_ids
from eva.generation.decode_batches import decode_batches
from eva.generation.response import answer_text
from eva.generation.sampling import Decoding
from eva.models.loading import load_model, load_tokenizer

AT_ONCE, BATCHES = 8, 2


class Desk:
    """Requests that wait, and the threads that answer up to `AT_ONCE` of them in one batch each."""

    def __init__(self, folder: Path) -> None:
        dtype = decide("auto", "chat_server").dtype
        self.tokenizer, self.model = load_tokenizer(folder), load_model(folder, dtype)
        self.waiting: queue.Queue[tuple[dict[str, Any], queue.Queue[dict[str, Any]]]] = queue.Queue()
        for _ in range(BATCHES):
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            taken = [self.waiting.get()]
            while len(taken) < AT_ONCE and not self.waiting.empty():
                taken.append(self.waiting.get())
            prompts = [
                self.tokenizer.apply_chat_template(
                    body["messages"], add_generation_prompt=True, return_dict=False
                )
                for body, _ in taken
            ]
            first = taken[0][0]
            decoding = Decoding(
                max_new_tokens=first.get("max_tokens", 100),
                temperature=first.get("temperature", 1.0),
                top_p=first.get("top_p", 1.0),
                repetition_penalty=1.1,
                stop_ids=stop_ids(self.model, self.tokenizer),
            )
            seeds = [int(body.get("seed", 0)) for body, _ in taken]
            with torch.inference_mode():
                for number, written in decode_batches(self.model, prompts, seeds, decoding, AT_ONCE):
                    taken[number][1].put(
                        {
                            "text": answer_text(self.tokenizer, written.ids),
                            "finish": "stop" if written.ended else "length",
                            "read": len(prompts[number]),
                            "written": len(written.ids),
                        }
                    )


class Handler(BaseHTTPRequestHandler):
    """`POST /v1/chat/completions`."""

    protocol_version = "HTTP/1.1"
    desk: Desk
    journal: Path

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body: dict[str, Any] = json.loads(raw)
        back: queue.Queue[dict[str, Any]] = queue.Queue()
        self.desk.waiting.put((body, back))
        answer = back.get()
        with self.journal.open("a") as file:
            file.write(hashlib.sha256(raw).hexdigest() + "\n")
        said = {"role": "assistant", "content": answer["text"]}
        whole = {
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": answer["finish"], "message": said}],
            "usage": {"prompt_tokens": answer["read"], "completion_tokens": answer["written"]},
        }
        data = json.dumps(whole).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """The journal has it."""


class Server(ThreadingHTTPServer):
    """Takes many connections at once."""

    daemon_threads = True
    request_queue_size = 64


def main(folder: str, port: str, journal: str) -> None:
    """Serve until the process is ended."""
    Handler.desk, Handler.journal = Desk(Path(folder)), Path(journal)
    server = Server(("127.0.0.1", int(port)), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
