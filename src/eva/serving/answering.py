"""Answering one request: the guard, the model, and the labels of what it said."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from eva.errors import InputError
from eva.generation.reply import Reply as Generated
from eva.safety.detector import Detector, Finding
from eva.safety.guard import Message, guarded_reply
from eva.safety.reply_check import find_in_reply
from eva.serving.chat_request import ChatRequest
from eva.serving.models import Models
from eva.serving.pending import Pending, Sentences
from eva.serving.refusals import RefusedError


class Labels(Protocol):
    """Says of a reply which level of validation and which type of response it is."""

    def of(self, history: Sequence[Message], text: str) -> dict[str, Any]:
        """The keys `level` and `level_name` (None without a classifier), `response_type`, `type_name`."""


@dataclass(frozen=True)
class Answered:
    """The text for the person and where it comes from: `model`, `referral` or `withheld`."""

    text: str
    source: str
    finding: Finding | None
    generated: Generated | None
    labels: dict[str, Any] = field(default_factory=dict)

    @property
    def finish(self) -> str:
        if self.source != "model" or self.generated is None:
            return "content_filter"
        return self.generated.finish


@dataclass(frozen=True)
class Answering:
    """Answers requests, in any thread: replies are made beside each other, models loaded one at a time.

    The guard comes before the wait for a model, so a referral never waits.
    """

    models: Models
    detector: Detector
    referral: str
    labels: Labels
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refers(self, given: ChatRequest) -> bool:
        """Whether the guard answers without the model."""
        said = [turn["content"] for turn in given.turns if turn["role"] == "user"]
        return self.detector.find(said) is not None

    def answer(self, given: ChatRequest, name: str, pending: Pending) -> Answered:
        """The answer of the model `name`; what it says is handed to `pending` sentence by sentence."""
        turns, said = given.turns, list[Generated]()
        sentences = Sentences(lambda text: find_in_reply(text) is None, pending.tell)

        def hear(text: str) -> None:
            pending.check()
            sentences.hear(text)

        def ask(_: Sequence[Message]) -> str:
            with pending.turn(self.lock):
                model = self.models.get(name)
            try:
                said.append(model.say(turns, given.sampling, given.seed, hear))
            except InputError as error:
                raise RefusedError(400, str(error), "invalid_request") from None
            return said[0].text

        guarded = guarded_reply(turns, ask, self.detector, self.referral)
        labels: dict[str, Any] = {}
        if given.labels and guarded.source == "model":
            with pending.turn(self.lock):
                labels = self.labels.of(turns, guarded.text)
        if guarded.source == "withheld" and sentences.sent:
            pending.tell(f"\n{guarded.text}")
        else:
            sentences.close(guarded.text)
        return Answered(guarded.text, guarded.source, guarded.finding, next(iter(said), None), labels)
