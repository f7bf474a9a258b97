"""Pairs within one turn: two utterances of one supporter after the same message, of different levels.

A supporter often sends several messages before the seeker answers. Where one has a level that fits its
place in the dialogue and another has not, they make a pair whose sides share history, topic and author
(ADR 29).
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product

from eva.data.dialogue import Preference, SupporterTurn

# A side may have at most this many times the words of the other: else length would tell them apart.
LONGEST = 2.0


def pairs_within_turns(
    turns: Sequence[SupporterTurn], fits: Mapping[int, Sequence[int]]
) -> tuple[list[Preference], dict[str, int]]:
    """At most one pair a turn, the one most even in length; and how many turns were left out, by reason.

    `fits` are the levels that fit, by quartile. Utterances without a level are in no pair, nor is what a
    supporter says before the seeker's first turn. A leading supporter turn goes from a history (ADR 8).
    """
    pairs, unequal, no_contrast = [], 0, 0
    for turn in (turn for turn in turns if turn.index):
        candidates = _candidates(turn, fits[turn.quartile])
        even = [pair for pair in candidates if _unevenness(pair) <= math.log(LONGEST)]
        if even:
            pairs.append(min(even, key=_unevenness))
        elif candidates:
            unequal += 1
        else:
            no_contrast += 1
    return pairs, {"turns_of_one_fit": no_contrast, "turns_uneven_in_length": unequal}


def _candidates(turn: SupporterTurn, fitting: Sequence[int]) -> list[Preference]:
    said = [(text.strip(), level) for text, level in turn.gold.labelled() if level and text.strip()]
    good = [one for one in said if one[1] in fitting]
    bad = [one for one in said if one[1] not in fitting]
    return [_pair(turn, *both) for both in product(good, bad) if both[0][0] != both[1][0]]


def _unevenness(pair: Preference) -> float:
    return abs(math.log(len(pair.chosen.split()) / len(pair.rejected.split())))


def _pair(turn: SupporterTurn, chosen: tuple[str, int], rejected: tuple[str, int]) -> Preference:
    return Preference(
        id=f"{turn.dialogue.id}_{turn.ordinal}",
        dialogue_id=turn.dialogue.id,
        turn=turn.ordinal,
        n_turns=turn.n_turns,
        history=turn.history[1:] if turn.history[0]["role"] == "assistant" else turn.history,
        chosen=chosen[0],
        rejected=rejected[0],
        chosen_level=chosen[1],
        rejected_level=rejected[1],
        source="public:same_turn",
    )
