"""Statistics of a preference set, laid out as the paper's Table 7 and Figure 4."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eva.collection.pairs import Pair
from eva.data.dialogue import LEVELS
from eva.report.figures import level_shares

# Table 7: examples, and the levels 1 to 4 of the chosen and of the rejected utterances.
PAPER: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "train": {"examples": (5157,), "chosen": (937, 1209, 1182, 1829), "rejected": (1209, 1114, 467, 2367)},
    "valid": {"examples": (465,), "chosen": (97, 126, 85, 157), "rejected": (118, 81, 48, 218)},
}
QUARTILES = (1, 2, 3, 4)


def counted(pairs: Mapping[str, Sequence[Pair]]) -> dict[str, Any]:
    """Counts by split, and over all: levels, quartiles, lengths, annotators, who ranked."""
    everything = [pair for own in pairs.values() for pair in own]
    return {
        "splits": {split: _levels(own) for split, own in pairs.items()},
        "dialogues": len({pair.chosen.dialogue_id for pair in everything}),
        "chosen_levels_by_quartile": by_quartile(everything),
        "mean_words": {
            "chosen": _mean(len(pair.chosen.text.split()) for pair in everything),
            "rejected": _mean(len(pair.rejected.text.split()) for pair in everything),
        },
        "same_level": sum(
            pair.chosen_level is not None and pair.chosen_level == pair.rejected_level for pair in everything
        ),
        "sources": dict(sorted(Counter(pair.source for pair in everything).items())),
        "annotators": dict(sorted(Counter(str(pair.ranked.annotators) for pair in everything).items())),
        "mean_against": _mean(pair.ranked.against for pair in everything),
    }


def by_quartile(pairs: Sequence[Pair]) -> dict[str, list[int]]:
    """Figure 4: level -> number of chosen responses of it in each quartile of their dialogues."""
    found = Counter((pair.chosen_level, pair.chosen.quartile) for pair in pairs)
    return {str(level): [found[level, quarter] for quarter in QUARTILES] for level in LEVELS}


def table_7(splits: Mapping[str, Mapping[str, Any]]) -> str:
    """Table 7 as Markdown, ours beside the paper's."""
    lines = []
    for side in ("chosen", "rejected"):
        lines += [
            f"| {side} | examples | level 1 | level 2 | level 3 | level 4 | level unknown |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for split, row in splits.items():
            own = row[side]
            ours = [row["examples"], *(own[str(level)] for level in LEVELS), own["unknown"]]
            paper = [*PAPER[split]["examples"], *PAPER[split][side], 0]
            lines += [_row(split, ours), _row(f"{split}, the paper's", paper)]
        lines.append("")
    return "\n".join(lines).rstrip()


def level_figure(pairs: Mapping[str, Sequence[Pair]]) -> str:
    """Figure 4 as SVG: which levels were chosen in each quartile, in percent."""
    counts = by_quartile([pair for own in pairs.values() for pair in own])
    totals = [sum(counts[str(level)][quarter - 1] for level in LEVELS) for quarter in QUARTILES]
    return level_shares(
        {
            f"level {level}": [
                100 * counts[str(level)][quarter - 1] / max(1, totals[quarter - 1]) for quarter in QUARTILES
            ]
            for level in LEVELS
        }
    )


def _levels(pairs: Sequence[Pair]) -> dict[str, Any]:
    sides = {
        "chosen": Counter(pair.chosen_level for pair in pairs),
        "rejected": Counter(pair.rejected_level for pair in pairs),
    }
    return {
        "examples": len(pairs),
        **{
            side: {
                **{str(level): found[level] for level in LEVELS},
                "unknown": sum(n for level, n in found.items() if level not in LEVELS),
            }
            for side, found in sides.items()
        },
    }


def _row(name: str, numbers: Sequence[int]) -> str:
    return f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |"


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return round(sum(listed) / len(listed), 2) if listed else 0.0
