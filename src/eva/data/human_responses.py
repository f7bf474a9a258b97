"""Human responses from ESConv and EVAD in the format of a system's responses.

`eva score` can then score what people wrote in the same way as a model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from eva.data.dialogue import Dialogue, supporter_turns
from eva.data.evad import EvadMatch
from eva.data.responses import Response
from eva.errors import raise_if


def supporter_responses(dialogues: Iterable[Dialogue]) -> list[Response]:
    """Every supporter turn as a response; without `reference`, which would be the response itself."""
    return [
        replace(Response.at(turn, turn.gold.content), reference=None) for turn in supporter_turns(dialogues)
    ]


def evad_responses(matches: Sequence[EvadMatch], of: str) -> list[Response]:
    """EVAD's `chosen` or `rejected` responses (`of`), including those in test dialogues.

    The `reference` is what ESConv's supporter said at that turn, if the dialogue has one.

    Raises:
        InputError: no dialogue starts with the history of a record; all such records are listed.
    """
    raise_if(
        (
            f"record {m.record.id}: no dialogue starts with this history"
            for m in matches
            if m.dialogue is None
        ),
        "EVAD",
    )
    return [_response(match, match.dialogue, of) for match in matches if match.dialogue is not None]


def _response(match: EvadMatch, dialogue: Dialogue, of: str) -> Response:
    record = match.record
    human = {turn.ordinal: turn.gold.content for turn in dialogue.supporter_turns()}
    return Response(
        dialogue_id=dialogue.id,
        turn=match.turn,
        n_turns=match.n_turns,
        history=tuple({"role": said.role, "content": said.content} for said in record.history),
        response=record.chosen if of == "chosen" else record.rejected,
        reference=human.get(match.turn),
        slices=dialogue.slices,
    )
