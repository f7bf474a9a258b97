"""`eva chat`: talk with a registered model; messages about danger get a referral instead of a reply."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eva.errors import InputError

if TYPE_CHECKING:
    from eva.safety.detector import Detector
    from eva.safety.guard import Reply

PARAMS = Path("params.yaml")
_REMEMBERED = 20  # latest messages given to the model, ten of each side; the safety check reads all
_END, _NEW = "/quit", "/new"


class Conversation:
    """A conversation, kept in memory only; the model is loaded when it is first needed."""

    def __init__(self, address: str, referral: str, detector: "Detector") -> None:
        self._address, self._referral, self._detector = address, referral, detector
        self._messages: list[dict[str, str]] = []
        self._model: Any = None

    def restart(self) -> None:
        """Begin a new conversation."""
        self._messages.clear()

    def find_model(self) -> None:
        """Look the model up in the registry; `InputError` if it is not there."""
        from eva.registry import registration as registry

        self._address = registry.exact(self._address, Path.cwd())

    def answer(self, text: str) -> "Reply":
        """The reply to the message `text`: the model's, or the referral."""
        from eva.safety.guard import guarded_reply

        self._messages.append({"role": "user", "content": text})
        reply = guarded_reply(self._messages, self._ask, self._detector, self._referral)
        self._messages.append({"role": "assistant", "content": reply.text})
        return reply

    def _ask(self, messages: Any) -> str:
        from eva.registry import registration as registry

        if self._model is None:
            self.find_model()
            print(f"[loading {self._address}]", flush=True)
            self._model = registry.load(self._address, Path.cwd())
        return registry.chat(self._model, messages[-_REMEMBERED + 1 :])


def chat(
    text: Annotated[
        str | None, typer.Argument(help="one message to reply to; without it, start a conversation")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="models:/NAME@ALIAS or models:/NAME/VERSION; by default of section `register` the champion, "
            "else the challenger, else the newest version"
        ),
    ] = None,
) -> None:
    """Talk with a registered model.

    A message about suicide, self-harm or danger gets a text that says where to find help instead.
    """
    from eva.safety import notices

    address, referral, (detector, note) = _settings(model)
    conversation = Conversation(address, referral or notices.REFERRAL, detector)
    print(f"{notices.OPENING}\n")
    if note is not None:
        print(f"{note}\n")
    if text is not None:
        print(conversation.answer(_checked(text)).text)
        return
    conversation.find_model()
    print(f"({_NEW} begins another conversation, {_END} ends.)")
    for line in _lines():
        if line == _NEW:
            conversation.restart()
            print("(a new conversation)")
            continue
        reply = conversation.answer(line)
        print(f"{reply.text}\n", flush=True)
        if reply.source == "referral":
            print(f"({notices.STAYS} {_NEW} begins another.)")


def _settings(model: str | None) -> "tuple[str, str | None, tuple[Detector, str | None]]":
    """The address of the model, the referral if the settings have one, and the detector with a note."""
    from eva.cli.safety_commands import detector_for_chat
    from eva.safety.choice import RULES_ALONE
    from eva.safety.rule_detector import RuleDetector
    from eva.settings.params_file import read_settings

    if model is not None and not PARAMS.is_file():
        note = f"no {PARAMS} here: {RULES_ALONE} (a checkout of EVA that ran `dvc repro` has the probe)"
        return model, None, (RuleDetector(), note)
    settings = read_settings(PARAMS)
    row = settings.register_
    return model or f"models:/{row.name}", settings.chat.referral, detector_for_chat(settings)


def _checked(text: str) -> str:
    if not text.strip():
        raise InputError("the message is empty; write one, or leave it out to start a conversation")
    return text.strip()


def _lines() -> Iterator[str]:
    """The lines that the person types, until the end of input or `/quit`."""
    prompt = "you> " if sys.stdin.isatty() else ""
    while True:
        try:
            line = input(prompt).strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if line == _END:
            return
        if line:
            yield line
