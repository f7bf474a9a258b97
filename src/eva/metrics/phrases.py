"""Frequent phrases as the scores hold them: which lengths and thresholds, and one phrase's row."""

from dataclasses import dataclass

TOP_WITHIN = 4  # Figure 6 follows the four most frequent phrases through the dialogues
TOP_OVERALL = 9  # Figure 2 shows the nine most frequent
THRESHOLDS = (10, 20, 30)
ORDERS = (2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Phrase:
    """A frequent phrase.

    `count` occurrences in all responses; `response_share` percent of responses that have it;
    `over_10` and so on: percent of dialogues where more than 10 % of the supporter's turns have it.
    """

    phrase: str
    count: int
    response_share: float
    over_10: float
    over_20: float
    over_30: float
