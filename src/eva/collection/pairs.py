"""Pairs of a chosen and a rejected candidate, in EVAD's format with what is known of their making."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from eva.data.candidates import HUMAN, Candidate, Ranked
from eva.data.evad import COLLECTED, MACHINE_MADE, SEEKER, SUPPORTER
from eva.preferences.same_turn import LONGEST


@dataclass(frozen=True, slots=True)
class Pair:
    """Two candidates of one item, and how they were ranked.

    Levels are those asked for, or the classifier's where it ranked; `ranked` is who ranked and how clearly.
    """

    chosen: Candidate
    rejected: Candidate
    chosen_level: int | None
    rejected_level: int | None
    ranked: Ranked
    machine: str = ""  # empty: people ranked; else one of MACHINE_MADE

    @property
    def source(self) -> str:
        """The name by which `preferences` knows the authors of both sides and who ranked them."""
        human = [one.source == HUMAN for one in (self.chosen, self.rejected)]
        side = ":human_chosen" if human[0] else ":human_rejected" if human[1] else ""
        return (self.machine or COLLECTED) + side

    def to_record(self, position: int, split: str) -> dict[str, object]:
        """The pair as a record of EVAD's file; keys that the authors' format has not say how it was made."""
        roles = {"user": SEEKER, "assistant": SUPPORTER}
        return {
            "ID": f"{position}_{self.chosen.turn}",
            "History": [
                {"role": roles[said["role"]], "content": said["content"]} for said in self.chosen.history
            ],
            "Chosen": self.chosen.text,
            "Rejected": self.rejected.text,
            "ChosenLevel": self.chosen_level,
            "RejectedLevel": self.rejected_level,
            "Source": self.source,
            "MachineMade": bool(self.machine),
            "Ranker": self.ranked.ranker,
            "Annotators": self.ranked.annotators,
            "Against": self.ranked.against,
            "ChosenBy": self.chosen.source,
            "RejectedBy": self.rejected.source,
            "Dialogue": self.chosen.dialogue_id,
            "Turn": self.chosen.turn,
            "Turns": self.chosen.n_turns,
            "Split": split,
        }


def pairs_by_rank(
    candidates: Sequence[Candidate], ranked: Sequence[Ranked], machine: str = ""
) -> tuple[list[Pair], dict[str, int]]:
    """The best and the worst candidate of each item that is kept, and the items left out.

    People's are left out for low agreement, a judge's where its answer is no order.
    """
    known = {(one.item, one.candidate): one for one in candidates}
    pairs = []
    for one in (one for one in ranked if one.kept):
        best, worst = known[one.item, one.order[0]], known[one.item, one.order[-1]]
        pairs.append(Pair(best, worst, best.level, worst.level, one, machine))
    items = {one.item for one in candidates}
    why = "order_unreadable" if machine else "low_agreement"
    return pairs, {"not_ranked": len(items) - len(ranked), why: len(ranked) - len(pairs)}


def pairs_by_fit(
    candidates: Sequence[Candidate], levels: Sequence[int], fits: Mapping[int, Sequence[int]], ranker: str
) -> tuple[list[Pair], dict[str, int]]:
    """Of each item the pair of a level that fits its quartile and one that does not, most even in length.

    Args:
        candidates: the candidates.
        levels: the classifier's level of each, 0 for none.
        fits: levels that fit, by quartile.
        ranker: names the classifier.
    """
    items: dict[str, list[tuple[Candidate, int]]] = {}
    for one, level in zip(candidates, levels, strict=True):
        items.setdefault(one.item, []).append((one, level))
    pairs, left = [], {"levels_of_one_fit": 0, "uneven_in_length": 0}
    for own in items.values():
        good, bad = _divided(own, fits)
        even = [both for both in product(good, bad) if _unevenness(*both) <= math.log(LONGEST)]
        if even:
            chosen, rejected = min(even, key=lambda both: _unevenness(*both))
            order = Ranked(
                chosen[0].item, (chosen[0].candidate, rejected[0].candidate), 0, 0, kept=True, ranker=ranker
            )
            pairs.append(Pair(chosen[0], rejected[0], chosen[1], rejected[1], order, MACHINE_MADE[0]))
        else:
            left["uneven_in_length" if good and bad else "levels_of_one_fit"] += 1
    return pairs, left


_Levelled = tuple[Candidate, int]


def _divided(
    own: Sequence[_Levelled], fits: Mapping[int, Sequence[int]]
) -> tuple[list[_Levelled], list[_Levelled]]:
    """Candidates of a level that fits, and of one that does not; those without a level are in neither."""
    levelled = [(one, level) for one, level in own if level]
    fit = [(one, level) for one, level in levelled if level in fits[one.quartile]]
    return fit, [both for both in levelled if both not in fit]


def _unevenness(one: _Levelled, other: _Levelled) -> float:
    return abs(math.log(len(one[0].text.split()) / len(other[0].text.split())))
