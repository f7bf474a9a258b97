"""How well ESConv's strategies can be predicted at all, from words that were labelled several times.

Usage: python docs/studies/label_noise.py FOLDER_OF_ESCONV docs/studies/label_noise-tables.md

Every utterance was labelled once, so the noise of the labels shows only where the same words were
said in several dialogues. Copies within a dialogue share their author and are not compared.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.artifacts import write_text
from eva.data.dialogue import LEVELS, NO_LEVEL, STRATEGY_LEVELS, supporter_turns
from eva.data.esconv import load_esconv

MIN_WORDS = (1, 4, 6, 8)


@dataclass(frozen=True)
class Copy:
    """One utterance's level, and the dialogue it is in."""

    dialogue: int
    level: int


def main(corpus: Path, out: Path) -> None:
    """Compare the labels of equal utterances and write the tables."""
    texts, everyone = _copies(corpus)
    lines = ["# Labels of equal utterances in different dialogues", ""]
    lines += ["Made by `docs/studies/label_noise.py`. Weighted: by how often a level occurs in ESConv.", ""]
    lines += ["| words | utterances | five classes | four levels | weighted | 1 | 2 | 3 | 4 |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for words in MIN_WORDS:
        lines.append(_row(words, [c for text, c in texts.items() if len(text.split()) >= words], everyone))
    lines += ["", f"Turns with a level whose utterances have several: {_mixed(corpus):.3f} of all.", ""]
    write_text(out, "\n".join(lines))


def _copies(corpus: Path) -> tuple[dict[str, list[Copy]], Counter[int]]:
    texts: dict[str, list[Copy]] = defaultdict(list)
    raw = json.loads((corpus / "ESConv.json").read_text(encoding="utf-8"))
    for number, dialogue in enumerate(raw):
        for said in dialogue["dialog"]:
            if said["speaker"] == "supporter":
                level = STRATEGY_LEVELS[said["annotation"]["strategy"]]
                texts[" ".join(said["content"].lower().split())].append(Copy(number, level))
    return texts, Counter(copy.level for copies in texts.values() for copy in copies)


def _row(words: int, groups: Sequence[Sequence[Copy]], everyone: Counter[int]) -> str:
    five = [pair for group in groups for pair in _agreements(group)]
    four = [pair for group in groups for pair in _agreements([c for c in group if c.level != NO_LEVEL])]
    by_level = {level: [share for own, share in four if own == level] for level in LEVELS}
    shares = {level: _mean(found) for level, found in by_level.items()}
    weighted = sum(shares[level] * everyone[level] for level in LEVELS) / sum(everyone[one] for one in LEVELS)
    cells = [f"{_mean([s for _, s in five]):.3f}", f"{_mean([s for _, s in four]):.3f}", f"{weighted:.3f}"]
    cells += [f"{shares[level]:.2f} (n {len(by_level[level])})" for level in LEVELS]
    return " | ".join([f"| >= {words}", f"{len(five)}", *cells]) + " |"


def _agreements(group: Sequence[Copy]) -> list[tuple[int, float]]:
    """Of each copy that has any elsewhere: its level, and the share of those with the same."""
    found = []
    for copy in group:
        others = [other.level for other in group if other.dialogue != copy.dialogue]
        if others:
            found.append((copy.level, others.count(copy.level) / len(others)))
    return found


def _mixed(corpus: Path) -> float:
    levels = [
        {STRATEGY_LEVELS[name] for name in turn.gold.strategies} - {NO_LEVEL}
        for dialogues in load_esconv(corpus).splits.values()
        for turn in supporter_turns(dialogues)
    ]
    return sum(len(one) > 1 for one in levels) / sum(bool(one) for one in levels)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
