"""The scorers' scorecards as tables.

Usage: python docs/results/scorers.py models docs/results

Reads the scorecards that the stages `level_classifier` and `epitome` left in the folder `models`, and
writes `scorers.json` (figures only) and `scorers-tables.md`.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, write_json, write_text

# Accuracy and macro-F1 of EPITOME's RoBERTa model (Sharma et al. 2020), our reference.
REFERENCE = {"er": (0.79, 0.76), "ip": (0.85, 0.66), "ex": (0.91, 0.72)}

Card = Mapping[str, Any]


def main(models: Path, out: Path) -> None:
    """Collect the scorecards of `models` and write both files into `out`."""
    epitome = {name: read_json(models / "epitome" / name / "scorecard.json") for name in REFERENCE}
    levels = read_json(models / "level_classifier" / "scorecard.json")
    write_json(out / "scorers.json", {"epitome": epitome, "level_classifier": levels})
    lines = ["# Scorecards", "", "Made by `docs/results/scorers.py`."]
    lines += [*_epitome(epitome), *_levels(levels)]
    write_text(out / "scorers-tables.md", "\n".join([*lines, ""]))


def _epitome(cards: Mapping[str, Card]) -> Iterator[str]:
    yield from ("", "## EPITOME", "")
    yield from _table(
        [
            "",
            "n",
            "accuracy",
            "RoBERTa",
            "macro-F1",
            "RoBERTa",
            "F1 of 0",
            "1",
            "2",
            "majority",
            "ECE",
            "Brier",
        ],
        [
            [f"{name.upper()}, {held_out}", *_epitome_row(card[held_out], *REFERENCE[name])]
            for held_out in ("cross_validated", "test")
            for name, card in cards.items()
        ],
    )
    for name, card in (
        (name, card[one]) for name, card in cards.items() for one in ("cross_validated", "test")
    ):
        yield from ("", f"### {name.upper()}: {card['evidence']}, seeds {card['seeds']}", "")
        if card["fold_accuracy"]:
            yield f"Accuracy by fold: {', '.join(f'{one:.3f}' for one in card['fold_accuracy'])}."
        yield from (f"- {key}: {value}" for key, value in card["notes"].items())
        yield from _confusion(card)
        yield from _reliability(card)


def _epitome_row(card: Card, accuracy: float, macro_f1: float) -> list[str]:
    f1 = [f"{one['f1']:.3f}" for one in card["classes"]]
    figures = [f"{card['accuracy']:.3f}", f"{accuracy:.2f}", f"{card['macro_f1']:.3f}", f"{macro_f1:.2f}"]
    return [str(card["n"]), *figures, *f1, f"{card['majority_accuracy']:.3f}", *_calibration(card)]


def _levels(card: Card) -> Iterator[str]:
    yield from ("", "## Levels", "")
    found = {name: card[name] for name in ("cross_validated", "test", "test_all", "test_turns") if card[name]}
    columns = ["", "n", "accuracy", "macro-F1", "F1 by class", "majority", "ECE", "Brier"]
    rows = [
        [f"{name}, {task}", *_level_row(evidence[task])]
        for name, evidence in found.items()
        for task in ("four", "five")
    ]
    yield from _table(columns, rows)
    yield from ("", "Both labels among the four levels: how far apart.", "")
    names = ("n", "exact", "adjacent", "distant", "missed")
    yield from _table(
        ["", *names], [[name, *_values(one["distances"], names)] for name, one in found.items()]
    )
    yield from ("", "Agreement by quartile (five classes): accuracy / Cohen's kappa (n).", "")
    yield from _table(["", "1", "2", "3", "4"], [[name, *_quartiles(one)] for name, one in found.items()])
    if card["timing"]:
        yield from ("", "Timing of the levels when responses change places:", "")
        names = ("n", "own", "swapped", "chance", "from_context")
        yield from _table(names, [_values(card["timing"], names)])
    for name, evidence in found.items():
        yield from ("", f"### {name}: {evidence['five']['evidence']}", "")
        yield from _confusion(evidence["five"])
        yield from _reliability(evidence["four"])


def _level_row(card: Card) -> list[str]:
    f1 = ", ".join(f"{one['label']} {one['f1']:.3f}" for one in card["classes"])
    figures = [f"{card['accuracy']:.3f}", f"{card['macro_f1']:.3f}", f1, f"{card['majority_accuracy']:.3f}"]
    return [str(card["n"]), *figures, *_calibration(card)]


def _calibration(card: Card) -> list[str]:
    return [f"{card['calibration'][name]:.3f}" for name in ("ece", "brier")]


def _quartiles(evidence: Card) -> list[str]:
    return [f"{one['accuracy']:.3f} / {one['kappa']:.3f} ({one['n']})" for one in evidence["quartiles"]]


def _values(row: Mapping[str, float], names: Sequence[str]) -> list[str]:
    return [f"{row[name]:.4f}" if isinstance(row[name], float) else str(row[name]) for name in names]


def _confusion(card: Card) -> Iterator[str]:
    yield from ("", "Rows: truth. Columns: predicted.", "")
    pairs = zip(card["labels"], card["confusion"], strict=True)
    yield from _table(["", *card["labels"]], [[name, *map(str, row)] for name, row in pairs])


def _reliability(card: Card) -> Iterator[str]:
    yield from ("", "Reliability of the top probability:", "")
    bins = [one for one in card["calibration"]["bins"] if one["n"]]
    rows = [
        [f"{one['low']:.1f} to {one['high']:.1f}", *_values(one, ("n", "confidence", "accuracy"))]
        for one in bins
    ]
    yield from _table(["probability", "n", "mean", "right"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    yield from (f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
