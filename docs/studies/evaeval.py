"""What EVAEval can see: every form of it, for simulated systems whose faults are known.

Usage: python docs/studies/evaeval.py FOLDER_OF_ESCONV docs/studies/evaeval-tables.md

Human supporter turns keep their place; only their levels are changed. V is that of the human
dialogues, and every simulated system answers dialogues drawn from them.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eva.artifacts import write_text
from eva.data.dialogue import quartile, supporter_turns
from eva.data.prepare import prepare
from eva.metrics.formulas import all_distances
from eva.scorers.reference import LevelledTurn, Reference, count_levels, profile, reference_from_levels
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare
from eva.statistics.bootstrap import draw_weights
from eva.statistics.estimators import Array

SIZES = (20, 50, 90, 200, 1000)
DRAWS = 500
TRIALS, RESAMPLES = 200, 300
FORMS = ("evaeval/avg", "evaeval_dialogue/avg", "evaeval_joint")  # the sum form is four times the first

Levels = NDArray[np.int64]


@dataclass(frozen=True)
class Talk:
    """All supporter turns: level, quartile and dialogue of each."""

    levels: Levels
    quartiles: Levels
    owners: Levels

    @property
    def n_dialogues(self) -> int:
        return int(self.owners.max()) + 1

    def profile_of(self, levels: Levels) -> Array:
        """Additive counts per dialogue under other levels."""
        return profile(count_levels(levels, self.quartiles, self.owners, self.n_dialogues))


def main(corpus: Path, out: Path) -> None:
    """Run the study on ESConv's training dialogues and write it."""
    turns = _levelled(corpus)
    names = {name: i for i, name in enumerate(sorted({turn.dialogue_id for turn in turns}))}
    talk = Talk(
        np.array([turn.level for turn in turns]),
        np.array([quartile(turn.turn, turn.n_turns) for turn in turns]),
        np.array([names[turn.dialogue_id] for turn in turns]),
    )
    reference = reference_from_levels(turns)
    rng = np.random.default_rng(0)
    systems = {name: talk.profile_of(change(talk, rng)) for name, change in SYSTEMS.items()}
    write_text(out, _page(systems, reference))


def _levelled(corpus: Path) -> list[LevelledTurn]:
    row = Corpus(format="esconv", path=corpus, min_dialogues=1)
    dialogues = prepare("esconv", row, Prepare(keep_supporter_first=False)).splits["train"]
    return [
        LevelledTurn(turn.dialogue.id, turn.ordinal, turn.n_turns, turn.gold.weak_level or 0)
        for turn in supporter_turns(dialogues)
    ]


def _shuffled(talk: Talk, rng: np.random.Generator) -> Levels:
    """The human amounts, blind to position."""
    return rng.permutation(talk.levels)


def _half_blind(talk: Talk, rng: np.random.Generator) -> Levels:
    """Half of the dialogues human, half blind to position."""
    blind = rng.random(talk.n_dialogues) < 0.5
    return np.where(blind[talk.owners], _shuffled(talk, rng), talk.levels)


def _reversed(talk: Talk, _: np.random.Generator) -> Levels:
    """Each dialogue's levels from last to first."""
    levels = talk.levels.copy()
    for dialogue in range(talk.n_dialogues):
        own = np.flatnonzero(talk.owners == dialogue)
        levels[own] = talk.levels[own[::-1]]
    return levels


def _thinned(talk: Talk, rng: np.random.Generator) -> Levels:
    """The human order, but seven in ten turns of levels 2 and 3 lose their level."""
    lost = np.isin(talk.levels, (2, 3)) & (rng.random(len(talk.levels)) < 0.7)
    return np.where(lost, 0, talk.levels)


def _only(level: int) -> Callable[[Talk, np.random.Generator], Levels]:
    return lambda talk, _: np.full_like(talk.levels, level)


SYSTEMS: dict[str, Callable[[Talk, np.random.Generator], Levels]] = {
    "human": lambda talk, _: talk.levels,
    "half of the dialogues blind": _half_blind,
    "right amounts, blind to position": _shuffled,
    "random levels, equal amounts": lambda talk, rng: rng.integers(1, 5, len(talk.levels)),
    "right levels in reversed order": _reversed,
    "right order, wrong amounts": _thinned,
    "level 1 only": _only(1),
    "level 4 only": _only(4),
}


def _page(systems: dict[str, Array], reference: Reference) -> str:
    rows = len(reference.dialogues), int(reference.dialogues.sum())
    lines = [
        "# What EVAEval can see: the tables",
        "",
        f"Made by `docs/studies/evaeval.py` from {rows[0]} ESConv training dialogues ({rows[1]} turns with a",
        "weak level). Systems answer dialogues drawn with replacement from these; V is that of all of them.",
        "`evaeval_sum/avg` is four times `evaeval/avg`. What follows from this: [evaeval.md](evaeval.md).",
        "",
        "## Value by form and number of dialogues",
        "",
        f"Median of {DRAWS} draws, with the 5th and 95th percentile. Lower is better.",
    ]
    for size in SIZES:
        lines += ["", f"### {size} dialogues", "", *_value_table(systems, reference, size)]
    lines += [
        "",
        "## How often a comparison finds the difference from human dialogues",
        "",
        f"Share of {TRIALS} paired comparisons (bootstrap over dialogues, {RESAMPLES} resamples, 95 %) that",
        "place the system outside the noise, on the worse side. The row `human` compares two independent",
        "draws of human dialogues, so that it counts false alarms of either kind.",
    ]
    for size in SIZES:
        lines += ["", f"### {size} dialogues", "", *_power_table(systems, reference, size)]
    return "\n".join(lines) + "\n"


def _head() -> list[str]:
    return [f"| system | {' | '.join(FORMS)} |", "|---" * (len(FORMS) + 1) + "|"]


def _value_table(systems: dict[str, Array], reference: Reference, size: int) -> list[str]:
    shares = np.full(len(reference.dialogues), 1 / len(reference.dialogues))
    weights = np.random.default_rng(size).multinomial(size, shares, size=DRAWS).astype(np.float64)
    lines = _head()
    for name, rows in systems.items():
        found = all_distances(weights @ rows, reference.totals[None])
        cells = []
        for form in FORMS:
            low, middle, high = np.quantile(found[form], [0.05, 0.5, 0.95])
            cells.append(f"{middle:.4f} ({low:.4f}–{high:.4f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _power_table(systems: dict[str, Array], reference: Reference, size: int) -> list[str]:
    lines = _head()
    for name, rows in systems.items():
        found = np.mean(
            [_outside(rows, systems["human"], reference, size, trial) for trial in range(TRIALS)], axis=0
        )
        lines.append(f"| {name} | {' | '.join(f'{100 * share:.0f} %' for share in found)} |")
    return lines


def _outside(rows: Array, human: Array, reference: Reference, size: int, trial: int) -> list[bool]:
    """Whether one comparison on `size` drawn dialogues finds the system worse than human, by form."""
    rng = np.random.default_rng([size, trial])
    drawn = rng.integers(0, len(human), size)
    same = rows is human
    other = rng.integers(0, len(human), size) if same else drawn
    weights, v = draw_weights(size, RESAMPLES, seed=trial), reference.totals[None]
    left, right = all_distances(weights @ rows[drawn], v), all_distances(weights @ human[other], v)
    flags = []
    for form in FORMS:
        low, high = np.quantile(left[form] - right[form], [0.025, 0.975])
        flags.append(bool(low > 0 or (same and high < 0)))
    return flags


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
