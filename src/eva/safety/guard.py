"""Between a person and a model: what speaks of danger is answered by a fixed text, never by the model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from eva.safety.detector import Detector, Finding

Message = Mapping[str, str]  # role: system, user or assistant; content
Ask = Callable[[Sequence[Message]], str]

WITHHELD = "(The model's reply is not shown, because it spoke of suicide, self-harm or danger.)"


@dataclass(frozen=True)
class Reply:
    """What is said to the person, by whom, and if not by the model, why."""

    text: str
    source: Literal["model", "referral", "withheld"]
    finding: Finding | None = None


def guarded_reply(messages: Sequence[Message], ask: Ask, detector: Detector, referral: str) -> Reply:
    """The model's next turn, or `referral` without asking the model.

    The whole conversation counts: all that was not said by the model is read, so that a finding stands
    until a new conversation begins. The model's own reply is read too, and not shown after a finding.
    """
    said = [message["content"] for message in messages if message["role"] != "assistant"]
    found = detector.find(said)
    if found is not None:
        return Reply(referral, "referral", found)
    text = ask(messages)
    found = detector.find([text])
    return Reply(WITHHELD, "withheld", found) if found else Reply(text, "model")
