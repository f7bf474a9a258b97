"""What preference pairs can teach: measured on every recipe's pairs, whatever their source.

DPO learns whatever tells chosen from rejected. Where that is not the level alone, it may be the length,
the topic or the author.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eva.data.dialogue import Preference
from eva.data.evad import SOURCES
from eva.statistics.proportions import korn_graubard

_CONFIDENCE = 0.95
# Texts to vectors of length 1, [texts, hidden].
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class PairMeasures:
    """Contrast of level, length, topic and author between the two sides of some pairs.

    `levels_known` is the share of pairs with a level on both sides; of these, `level_contrast` is the
    share whose levels differ and `level_gap` by how much on the average (None: no pair has both).
    `length_ratio` is the chosen side's words over the rejected side's, `longer` the share of pairs whose
    chosen response is the longer. The similarities are mean cosines of a response with its history, and
    `closer` is the share of pairs whose chosen response is the closer to it: .5 where topic tells
    nothing; ties count half. `closer_low` to `closer_high` is its 95 % interval, in which the pairs of a
    dialogue count as a cluster. `same_author` is the share of pairs with one author, `human_chosen` and
    `human_rejected` the shares that a person wrote.
    """

    levels_known: float
    level_contrast: float | None
    level_gap: float | None
    length_ratio: float
    longer: float
    chosen_similarity: float
    rejected_similarity: float
    closer: float
    closer_low: float
    closer_high: float
    same_author: float
    human_chosen: float
    human_rejected: float


@dataclass(frozen=True)
class _Authors:
    chosen_human: bool
    rejected_human: bool
    same: bool


_HUMAN = _Authors(chosen_human=True, rejected_human=True, same=True)
_MODEL = _Authors(chosen_human=False, rejected_human=False, same=True)
_SIDES = {
    "": _MODEL,  # EVAD's candidates all come from one model (section 4.1.2), and so do a collection's
    ":human_chosen": _Authors(chosen_human=True, rejected_human=False, same=False),
    ":human_rejected": _Authors(chosen_human=False, rejected_human=True, same=False),
}
# By `Preference.source`.
AUTHORS = {
    **{source: _SIDES[source[len(source.partition(":")[0]) :]] for source in SOURCES},
    "public:same_turn": _HUMAN,
    "public:human": _Authors(chosen_human=True, rejected_human=True, same=False),
    "public:model": _Authors(chosen_human=True, rejected_human=False, same=False),
}


def measure(pairs: Sequence[Preference], embed: Embed) -> PairMeasures:
    """Measure at least one pair; `embed` is asked once for all texts."""
    gaps = [
        abs(pair.chosen_level - pair.rejected_level)
        for pair in pairs
        if pair.chosen_level is not None and pair.rejected_level is not None
    ]
    chosen, rejected = (
        np.array([len(text.split()) for text in texts])
        for texts in zip(*((pair.chosen, pair.rejected) for pair in pairs), strict=True)
    )
    similar = similarities(pairs, embed)
    closer = _above(similar[:, 0], similar[:, 1])
    low, high = korn_graubard(closer.tolist(), [pair.dialogue_id for pair in pairs], _CONFIDENCE)
    authors = [AUTHORS[pair.source] for pair in pairs]
    return PairMeasures(
        levels_known=len(gaps) / len(pairs),
        level_contrast=float(np.mean([gap > 0 for gap in gaps])) if gaps else None,
        level_gap=float(np.mean(gaps)) if gaps else None,
        length_ratio=float(chosen.sum() / max(1, rejected.sum())),
        longer=float(_above(chosen, rejected).mean()),
        chosen_similarity=float(similar[:, 0].mean()),
        rejected_similarity=float(similar[:, 1].mean()),
        closer=float(closer.mean()),
        closer_low=low,
        closer_high=high,
        same_author=float(np.mean([one.same for one in authors])),
        human_chosen=float(np.mean([one.chosen_human for one in authors])),
        human_rejected=float(np.mean([one.rejected_human for one in authors])),
    )


def similarities(pairs: Sequence[Preference], embed: Embed) -> NDArray[np.float64]:
    """Cosines of the chosen and of the rejected response with the mean of the history's messages: [n, 2]."""
    texts = [[message["content"] for message in pair.history] for pair in pairs]
    told = [
        text for pair, said in zip(pairs, texts, strict=True) for text in (*said, pair.chosen, pair.rejected)
    ]
    vectors, found, start = embed(told), [], 0
    for said in texts:
        history = vectors[start : start + len(said)].mean(axis=0)
        history /= max(float(np.linalg.norm(history)), 1e-12)
        start += len(said) + 2
        found.append(vectors[start - 2 : start] @ history)
    return np.asarray(found, dtype=np.float64)


def _above(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> NDArray[np.float64]:
    """1 where ours is larger, .5 where they are equal, 0 elsewhere."""
    return (ours > theirs) + 0.5 * (ours == theirs)  # type: ignore[operator, no-any-return]
