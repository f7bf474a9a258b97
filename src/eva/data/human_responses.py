"""Human responses as if a system had written them: ESConv's supporters, EVAD's candidates.

The rows are in the format of `eva score`, so that what people wrote is scored like any system.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from eva.data.dialogue import Dialogue
from eva.data.evad import EvadMatch
from eva.errors import raise_if


def supporter_rows(dialogues: Iterable[Dialogue]) -> list[dict[str, Any]]:
    """Every supporter turn as its own response; no `reference`, which would be the response itself."""
    return [
        {
            "dialogue_id": dialogue.id,
            "turn": ordinal,
            "n_turns": dialogue.n_supporter_turns,
            "history": dialogue.messages(index),
            "response": turn.content,
            "slices": dialogue.slices,
            "reference_level": turn.weak_level,
        }
        for dialogue in dialogues
        for ordinal, index, turn in dialogue.supporter_turns()
    ]


def evad_rows(matches: Sequence[EvadMatch], of: str) -> list[dict[str, Any]]:
    """EVAD's `chosen` or `rejected` responses; test dialogues too, which only training refuses.

    The `reference` is what ESConv's supporter said there, where the dialogue goes on. An
    `InputError` names records whose history begins no dialogue.
    """
    raise_if(
        (f"record {m.record.id}: its history begins no dialogue" for m in matches if m.dialogue is None),
        "EVAD",
    )
    return [_evad_row(match, match.dialogue, of) for match in matches if match.dialogue is not None]


def _evad_row(match: EvadMatch, dialogue: Dialogue, of: str) -> dict[str, Any]:
    record = match.record
    human = {ordinal: turn.content for ordinal, _, turn in dialogue.supporter_turns()}
    reference = human.get(match.turn)
    return {
        "dialogue_id": dialogue.id,
        "turn": match.turn,
        "n_turns": match.n_turns,
        "history": [{"role": said.role, "content": said.content} for said in record.history],
        "response": record.chosen if of == "chosen" else record.rejected,
        "slices": dialogue.slices,
        **({"reference": reference} if reference else {}),
    }
