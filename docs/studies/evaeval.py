"""What EVAEval can see: every form of it, for simulated systems whose faults are known.

Usage: python docs/studies/evaeval.py FOLDER_OF_ESCONV docs/studies/evaeval-tables.md

Human supporter turns keep their place; only their levels are changed. V is that of the human
dialogues, and every simulated system answers dialogues drawn from them. Levels are seen twice: as
they are, and as the level classifier would label them, by its confusion on whole test turns.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eva.artifacts import read_json, write_text
from eva.data.dialogue import quartile, supporter_turns
from eva.data.prepare import prepare
from eva.metrics.families.evaeval import LEAST
from eva.metrics.formulas import all_distances
from eva.scorers.reference import LevelledTurn, count_levels, profile
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare
from eva.statistics.bootstrap import Resampling, infer_all
from eva.statistics.estimators import Array, Statistic, named
from eva.statistics.spread import Estimate, difference

SIZES = (20, 50, 90, 200)
DRAWS = 500
TRIALS, RESAMPLES = 400, 999
FORMS = ("evaeval_sum/avg", "evaeval_joint")
SCORERS = Path("docs/results/scorers.json")
LABELLINGS = 10  # of each system by the simulated classifier

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


@dataclass(frozen=True)
class Seen:
    """Profiles of systems (per dialogue), one a labelling, and those of the reference."""

    systems: dict[str, list[Array]]
    references: list[Array]

    def draw(self, name: str, trial: int) -> tuple[Array, Array]:
        """A system and the reference under one labelling."""
        rows = self.systems[name]
        return rows[trial % len(rows)], self.references[trial % len(rows)]


def main(corpus: Path, out: Path) -> None:
    """Run the study on ESConv's training dialogues and write it."""
    talk, human = talk_of(corpus)
    rng = np.random.default_rng(0)
    levels = {name: change(talk, rng) for name, change in SYSTEMS.items()}
    true = Seen({name: [talk.profile_of(one)] for name, one in levels.items()}, [human])
    confusion = _confusion()
    labelled = Seen(
        {
            name: [talk.profile_of(_labelled(one, confusion, rng)) for _ in range(LABELLINGS)]
            for name, one in levels.items()
        },
        [talk.profile_of(_labelled(talk.levels, confusion, rng)) for _ in range(LABELLINGS)],
    )
    write_text(out, "\n".join(_page(true, labelled)) + "\n")


def talk_of(corpus: Path) -> tuple[Talk, Array]:
    """ESConv's training dialogues with weak levels, and their profile (dialogues x 33)."""
    turns = _levelled(corpus)
    names = {name: i for i, name in enumerate(sorted({turn.dialogue_id for turn in turns}))}
    talk = Talk(
        np.array([turn.level for turn in turns]),
        np.array([quartile(turn.turn, turn.n_turns) for turn in turns]),
        np.array([names[turn.dialogue_id] for turn in turns]),
    )
    return talk, talk.profile_of(talk.levels)


def _confusion() -> Array:
    """How the level classifier labels whole test turns: shares of its labels by weak level (5 x 5)."""
    card = read_json(SCORERS)["level_classifier"]["test_turns"]["five"]
    counts = np.array(card["confusion"], dtype=np.float64)
    shares: Array = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _labelled(levels: Levels, confusion: Array, rng: np.random.Generator) -> Levels:
    """Levels as the classifier would say them: errors that do not depend on the place of the turn."""
    above = rng.random((len(levels), 1)) > confusion.cumsum(axis=1)[levels]
    return np.minimum(above.sum(axis=1), 4)


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


def _page(true: Seen, labelled: Seen) -> Iterator[str]:
    (human,) = true.references
    yield "# What EVAEval can see: the tables"
    yield ""
    yield f"Made by `docs/studies/evaeval.py` from {len(human)} ESConv training dialogues"
    yield f"({int(human[:, :16].sum())} turns with a weak level). Systems answer dialogues drawn with"
    yield "replacement from these; V is that of all of them. What follows from this:"
    yield "[evaeval.md](evaeval.md)."
    yield ""
    yield "## Value by form and number of dialogues"
    yield ""
    yield f"Plug-in values: median of {DRAWS} draws, with the 5th and 95th percentile. True levels."
    for size in SIZES:
        yield from ("", f"### {size} dialogues", "", *_value_table(true, size))
    yield from ("", "## How often a comparison finds the difference from human dialogues", "")
    yield f"Percent of {TRIALS} paired comparisons of the corrected forms, as the report makes them before"
    yield f"Holm's correction ({RESAMPLES} resamples), with p below .05 and the system"
    yield "on the worse side. *True*: levels as they are. *Labelled*: levels of the system, of the people and"
    yield f"of V as the level classifier gives them, by its confusion on whole test turns (`{SCORERS}`). The"
    yield "row `human` compares two independent draws of human dialogues: false alarms of either kind. *n/m*:"
    yield "in most of the trials a level comes too seldom to be measured."
    for size in SIZES:
        yield from ("", f"### {size} dialogues", "", *_power_table(true, labelled, size))


def _value_table(seen: Seen, size: int) -> Iterator[str]:
    (reference,) = seen.references
    weights = np.random.default_rng(size).multinomial(
        size, np.full(len(reference), 1 / len(reference)), DRAWS
    )
    yield f"| system | {' | '.join(FORMS)} |"
    yield "|---" * (len(FORMS) + 1) + "|"
    for name, (rows,) in seen.systems.items():
        found = all_distances(weights @ rows, reference.sum(axis=0)[None])
        cells = []
        for form in FORMS:
            low, middle, high = np.quantile(found[form], [0.05, 0.5, 0.95])
            cells.append(f"{middle:.4f} ({low:.4f}–{high:.4f})")
        yield f"| {name} | {' | '.join(cells)} |"


def _power_table(true: Seen, labelled: Seen, size: int) -> Iterator[str]:
    heads = [f"`{form}`, {how}" for form in FORMS for how in ("true", "labelled")]
    yield f"| system | {' | '.join(heads)} |"
    yield "|---" + "|---:" * len(heads) + "|"
    for name in SYSTEMS:
        cells = [_found(seen, name, form, size) for form in FORMS for seen in (true, labelled)]
        yield f"| {name} | {' | '.join(cells)} |"


def _found(seen: Seen, name: str, form: str, size: int) -> str:
    """Percent of comparisons on `size` drawn dialogues that find the system worse; n/m if not measured."""
    gaps = [_gap(seen, name, form, size, trial) for trial in range(TRIALS)]
    known = [one for one in gaps if one is not None]
    if len(known) <= TRIALS / 2:
        return "n/m"
    found = infer_all(known, Resampling(RESAMPLES, 0.95, size), difference=True)
    said = [
        one.p_value is not None and one.p_value < 0.05 and (name == "human" or gap.value > 0)
        for one, gap in zip(found, known, strict=True)
    ]
    return f"{100 * np.mean(said):.0f} %"


def _gap(seen: Seen, name: str, form: str, size: int, trial: int) -> Estimate | None:
    """A system less people on the same dialogues; people less people of other dialogues."""
    rng = np.random.default_rng([size, trial])
    (rows, v), (human, _) = seen.draw(name, trial), seen.draw("human", trial)
    drawn = rng.integers(0, len(human), size)
    other = rng.integers(0, len(human), size) if name == "human" else drawn
    ours, theirs = measured(rows[drawn], v, form), measured(human[other], v, form)
    return None if ours is None or theirs is None else difference([ours], [theirs])


def measured(sums: Array, v: Array, form: str, *, corrected: bool = True) -> Statistic | None:
    """A form of EVAEval as the metric computes it; None where it is not measured."""
    cells = sums[:, :16].reshape(-1, 4, 4).sum(axis=2)
    each = np.minimum(cells.sum(axis=0), 2 * (cells > 0).sum(axis=0))
    level = form.partition("level_")[2]
    enough = each[int(level) - 1] if level else each.min() if form.endswith("avg") else each.sum() / 4
    if enough < LEAST:
        return None
    return Statistic(sums[:, :16], 1, named(form), second=v[:, :16], corrected=corrected)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
