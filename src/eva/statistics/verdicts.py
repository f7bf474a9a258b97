"""What a difference comes to, in one word: the same words and marks in every table, page and file."""

from enum import StrEnum

# Dialogues below which no difference is called better or worse: intervals and tests are held to their
# level from there on (docs/studies/coverage.md).
FEWEST_DIALOGUES = 20


class Verdict(StrEnum):
    """A difference from a baseline; None stands for no verdict: too few dialogues, or no interval."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"  # beyond the noise, and neither direction is better as such
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
    """The verdict on ours less theirs; `within_noise` is None where nothing can be said."""
    if within_noise is None:
        return None
    if within_noise:
        return Verdict.NOISE
    if higher_is_better is None:
        return Verdict.CHANGED
    return Verdict.BETTER if (difference > 0) == higher_is_better else Verdict.WORSE
