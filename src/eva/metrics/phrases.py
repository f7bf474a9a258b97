"""Frequent phrases in the score files: their lengths, thresholds and fields."""

from dataclasses import dataclass

TOP_WITHIN = 4  # Figure 6 follows the four most frequent phrases through the dialogues
TOP_OVERALL = 9  # Figure 2 shows the nine most frequent
THRESHOLDS = (10, 20, 30)
ORDERS = (2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Phrase:
    """A frequent phrase.

    `count`: occurrences in all responses; `response_share`: percent of responses that contain it; `over_10`
    and so on: percent of dialogues in which more than 10 % of the supporter's turns contain it.
    """

    phrase: str
    count: int
    response_share: float
    over_10: float
    over_20: float
    over_30: float
