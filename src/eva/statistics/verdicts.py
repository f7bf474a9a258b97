"""What a difference comes to, in one word: the same words and marks in every table, page and file."""

from enum import StrEnum


class Verdict(StrEnum):
    """A difference from a baseline; None stands for no verdict: without an interval there is none."""

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
    None: "no interval",
}


def verdict(difference: float, *, within_noise: bool | None, higher_is_better: bool | None) -> Verdict | None:
    """The verdict on ours less theirs; `within_noise` is None where there is no interval."""
    if within_noise is None:
        return None
    if within_noise:
        return Verdict.NOISE
    if higher_is_better is None:
        return Verdict.CHANGED
    return Verdict.BETTER if (difference > 0) == higher_is_better else Verdict.WORSE
