"""A real server in a thread, with models that do what a test wants, or a tiny real one."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.flows.conftest import free_port

from eva.generation.reply import Reply
from eva.models.backbones import materialise
from eva.registry.served_chat import ChatModel
from eva.safety.notices import REFERRAL
from eva.safety.rule_detector import RuleDetector
from eva.serving.answering import Answering
from eva.serving.app import Server, application
from eva.serving.models import Models
from eva.serving.reply_labels import ReplyLabels
from eva.serving.stored import Conversations
from eva.settings.backbones_section import Backbone
from eva.settings.generate_section import Generate
from eva.settings.serve_section import Serve

DECODING = Generate(
    max_new_tokens=8, cot_max_new_tokens=8, temperature=0.7, top_p=0.9, repetition_penalty=1, batch_size=1,
    max_length=256, precision="fp32",
)  # fmt: skip


@dataclass
class Scripted:
    """A model that says `text` word by word, with `seconds` before each; `ended` says how that ended."""

    text: str = "I see. That must have been hard for you."
    seconds: float = 0.0
    asked: list[Sequence[Mapping[str, str]]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def say(self, turns: Any, sampling: Any, seed: int | None, hear: Callable[[str], None]) -> Reply:
        self.asked.append(turns)
        words = self.text.split(" ")
        try:
            for number in range(1, len(words) + 1):
                time.sleep(self.seconds)
                hear(" ".join(words[:number]))
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append("whole")
        return Reply(self.text, "", "stop", 10, len(words))


@contextmanager
def running(
    models: Mapping[str, Any], bounds: Serve | None = None, store: Path | None = None
) -> Iterator[str]:
    """The address of a server of these models, by name; the first is the one that is served."""
    served = next(iter(models))
    versions = {name: ["champion"] if name == served else [] for name in models if name != "base"}
    catalogue = Models(served, lambda: versions, models.__getitem__, "base" in models)
    answering = Answering(catalogue, RuleDetector(), REFERRAL, ReplyLabels(None))
    server = Server(answering, bounds or Serve(), Conversations(store).keep if store else None)
    port = free_port()
    settings = uvicorn.Config(application(server, ["127.0.0.1"]), port=port, log_level="warning")
    running = uvicorn.Server(settings)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not running.started:
            assert time.monotonic() < deadline and thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        thread.join(30)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ChatModel:
    """A tiny real model, as the registry gives it."""
    folder = tmp_path_factory.mktemp("serving") / "tiny"
    materialise("tiny", Backbone(role="causal", source="random", id="llama"), folder)
    return ChatModel(folder, "eva-tiny", DECODING, "eva")
