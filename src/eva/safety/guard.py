"""The guard around a chat model: a message about danger gets a fixed text instead of a generated reply."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from eva.safety.detector import Detector, Finding
from eva.safety.reply_check import find_in_reply

Message = Mapping[str, str]  # role: system, user or assistant; content
Ask = Callable[[Sequence[Message]], str]

WITHHELD = "(The model's reply is not shown, because it spoke of suicide, self-harm or danger.)"


@dataclass(frozen=True)
class Reply:
    """The text shown to the person, where it comes from, and the finding if not from the model."""

    text: str
    source: Literal["model", "referral", "withheld"]
    finding: Finding | None = None


def guarded_reply(messages: Sequence[Message], ask: Ask, detector: Detector, referral: str) -> Reply:
    """The model's next turn, or `referral` without calling the model.

    The detector reads all messages of the conversation that are not the model's, so a finding holds until
    a new conversation begins. The new reply is withheld if `find_in_reply` finds something in it.

    Args:
        messages: the conversation so far, ending with the person's message.
        ask: calls the model and returns its reply.
        detector: decides whether the person's messages are about danger.
        referral: the text shown after a finding in the person's messages.
    """
    said = [message["content"] for message in messages if message["role"] != "assistant"]
    found = detector.find(said)
    if found is not None:
        return Reply(referral, "referral", found)
    text = ask(messages)
    found = find_in_reply(text)
    return Reply(WITHHELD, "withheld", found) if found else Reply(text, "model")
