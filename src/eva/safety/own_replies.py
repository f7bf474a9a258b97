"""What a variant itself replies to the messages of the items, as people who use it would read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.data.dialogue import Dialogue, SupporterTurn, Turn, supporter_turns
from eva.data.responses import Response
from eva.generation.answers import Answers
from eva.generation.local import answer_turns
from eva.generation.remote import Ask, answer_asks
from eva.models.endpoint import FILE, Served, is_served
from eva.models.loading import Policy
from eva.safety.paired_replies import FRAMINGS, Framing, Item
from eva.settings.generate_section import Generate


@dataclass(frozen=True)
class OwnReply:
    """A variant's reply to an item's message in one framing."""

    item: Item
    framing: Framing
    text: str


@dataclass(frozen=True)
class Stores:
    """The folders with what an interrupted run has finished: replies, and answers of endpoints."""

    replies: Path
    answers: Path


def own_replies(
    policy: Policy, items: Sequence[Item], settings: Generate, seed: int, stores: Stores
) -> list[OwnReply]:
    """The replies to all items in both framings, by the settings of section `generate`; resumable.

    Raises:
        InputError: the model cannot be loaded, or its endpoint refuses or cannot be reached.
    """
    asked = [(item, framing) for item in items for framing in FRAMINGS]
    turns = supporter_turns(_conversation(item, framing) for item, framing in asked)
    found = _responses(policy, turns, settings, seed, stores)
    return [OwnReply(item, framing, one.response) for (item, framing), one in zip(asked, found, strict=True)]


def _responses(
    policy: Policy, turns: Sequence[SupporterTurn], settings: Generate, seed: int, stores: Stores
) -> list[Response]:
    if not is_served(Path(policy.model)):
        return answer_turns(policy, turns, settings, seed, stores.replies)
    served = Served.read(Path(policy.model) / FILE)
    asks = [Ask(turn, policy.prompt, seed) for turn in turns]
    return answer_asks(served, asks, settings, Answers(stores.answers))[0]


def _conversation(item: Item, framing: Framing) -> Dialogue:
    said = Turn("user", item.message(framing)), Turn("assistant", item.good)
    return Dialogue(f"{item.id}-{framing}", "safety", 0, said)
