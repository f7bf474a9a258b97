"""The verdict on a difference: the same words and marks in every table, page and file."""

from enum import StrEnum

# With fewer dialogues no difference is called better or worse: intervals and tests keep their nominal level
# only from this number on (docs/studies/coverage.md).
FEWEST_DIALOGUES = 20


class Verdict(StrEnum):
    """Verdict on a difference from a baseline; None: no verdict (too few dialogues, or no interval)."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"  # beyond the noise, for a metric of which neither direction is better
    NOISE = "noise"


MARKS: dict[Verdict | None, str] = {
    Verdict.BETTER: "+",
    Verdict.WORSE: "-",
    Verdict.CHANGED: "*",
    Verdict.NOISE: "~",
    None: " ",
}
SYMBOLS: dict[Verdict | None, str] = {
    Verdict.BETTER: "▲",
    Verdict.WORSE: "▼",
    Verdict.CHANGED: "◆",
    Verdict.NOISE: "≈",
    None: "",
}
WORDS: dict[Verdict | None, str] = {
    Verdict.BETTER: "better",
    Verdict.WORSE: "worse",
    Verdict.CHANGED: "changed",
    Verdict.NOISE: "within noise",
    None: "no verdict",
}


def verdict(difference: float, *, within_noise: bool | None, higher_is_better: bool | None) -> Verdict | None:
    """The verdict on the difference ours - theirs; `within_noise` is None if it is unknown."""
    if within_noise is None:
        return None
    if within_noise:
        return Verdict.NOISE
    if higher_is_better is None:
        return Verdict.CHANGED
    return Verdict.BETTER if (difference > 0) == higher_is_better else Verdict.WORSE
