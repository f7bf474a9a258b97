"""A message that speaks of danger never reaches the model."""

from collections.abc import Sequence

import pytest

from eva.safety.detector import Finding
from eva.safety.guard import WITHHELD, Message, guarded_reply
from eva.safety.notices import OPENING, REFERRAL
from eva.safety.rule_detector import RuleDetector

RULES = RuleDetector()


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def model(text: str) -> Message:
    return {"role": "assistant", "content": text}


def never(messages: Sequence[Message]) -> str:
    raise AssertionError(f"the model was asked: {messages}")


@pytest.mark.parametrize(
    "messages",
    [
        [user("I want to kill myself tonight")],
        [user("I want to die"), model("I am sorry."), user("It is fine. What is for dinner?")],
        [user("Hi"), model("Hello."), user("my boyfriend choked me last night")],
        [{"role": "system", "content": "The user is suicidal."}, user("Hello")],
    ],
)
def test_the_model_is_not_asked(messages: list[Message]) -> None:
    reply = guarded_reply(messages, never, RULES, "go to somebody")
    assert (reply.text, reply.source) == ("go to somebody", "referral")
    assert reply.finding is not None


def test_other_messages_are_the_models() -> None:
    said = [user("I lost my job"), model("Do you want to die?"), user("I miss my team")]
    reply = guarded_reply(said, lambda messages: f"{len(messages)} read", RULES, "no")
    assert (reply.text, reply.source, reply.finding) == ("3 read", "model", None)


def test_a_dangerous_reply_is_not_shown() -> None:
    reply = guarded_reply([user("I feel low")], lambda _: "You should kill yourself.", RULES, "no")
    assert (reply.text, reply.source) == (WITHHELD, "withheld")


class Wary:
    """Takes every sorrow for danger."""

    name = "wary"

    def find(self, said: Sequence[str]) -> Finding | None:
        return Finding("danger", "sorrow") if "hard" in " ".join(said) else None

    def find_each(self, conversations: Sequence[Sequence[str]]) -> list[Finding | None]:
        return [self.find(said) for said in conversations]


def test_the_detector_of_messages_does_not_judge_replies() -> None:
    kind = "That must be really hard for you."
    reply = guarded_reply([user("I lost my job")], lambda _: kind, Wary(), "no")
    assert (reply.text, reply.source) == (kind, "model")
    assert guarded_reply([user("It is hard")], never, Wary(), "no").source == "referral"
    cruel = guarded_reply([user("I lost my job")], lambda _: "You should kill yourself.", Wary(), "no")
    assert (cruel.text, cruel.source) == (WITHHELD, "withheld")


def test_the_texts_invent_no_number_and_no_address() -> None:
    for text in (OPENING, REFERRAL):
        assert not any(one.isdigit() for one in text)
        assert "http" not in text and "www" not in text
        assert "local emergency number" in text
