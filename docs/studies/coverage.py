"""Whether intervals hold the truth and tests stay at their level, for every kind of statistic.

Usage: python docs/studies/coverage.py FOLDER_OF_ESCONV docs/studies/coverage-tables.md [TRIALS]

Systems with known values answer simulated dialogues; the code under test is the one behind `eva score`
and the report. Of each kind of statistic: how often the interval of a value, and of a difference from
a second system on the same dialogues, holds the truth, and how often two systems that are alike are
told apart (false alarms, p below .05 before Holm's correction).
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from evaeval import SYSTEMS, measured, talk_of
from simulated_metrics import KINDS, Kind, bigrams
from tally import Tally

from eva.artifacts import write_text
from eva.metrics import formulas
from eva.metrics.families.evaeval import LEAST
from eva.statistics.bootstrap import Resampling, infer_all, squared_intervals
from eva.statistics.estimators import Array, Statistic, named
from eva.statistics.spread import Estimate, difference, estimate

SIZES = (8, 12, 20, 50, 100, 200)
LONG = SIZES[2:]  # of EVAEval, whose levels are seldom measured on fewer
# Of EVAEval and of seeds half as many, of Dist-2 a quarter, as they take longer: Monte-Carlo errors of a
# coverage near 95 % are .5, .7 and 1 point.
TRIALS = 2000
RESAMPLES = 999
POPULATION = 100_000  # dialogues whose value is taken as the truth
AT_ONCE = 250

Runs = list[Statistic]


def main(corpus: Path, out: Path, trials: int) -> None:
    """Run every part and write the page."""
    lines = [
        "# Coverage and false alarms: the tables",
        "",
        f"Made by `docs/studies/coverage.py`: {trials} trials a cell (EVAEval and seeds {trials // 2},",
        f"Dist-2 {trials // 4}), {RESAMPLES} resamples, 95 % intervals.",
        "What follows from them: [coverage.md](coverage.md). *Value*: percent of intervals that hold",
        "the truth. *Difference*: the same for a difference of known size, paired by dialogue.",
        "*False alarms*: percent of comparisons of two systems that are alike which have p below .05. In",
        "brackets: percent of trials in which too few dialogues differ for an interval.",
        "",
    ]
    lines += ["## Means, shares, corpus BLEU-2", "", *_table(_kinds(trials))]
    lines += ["## Dist-2", "", *_table(_dist(trials // 4))]
    lines += ["## Several training seeds", "", *_table(_seeds(trials // 2))]
    lines += ["## EVAEval", "", *_evaeval(corpus, trials // 2)]
    write_text(out, "\n".join(lines).rstrip() + "\n")


Cells = Iterator[tuple[str, int, Tally, Tally, Tally]]


def _table(cells: Cells) -> list[str]:
    lines = ["| statistic | dialogues | value | difference | false alarms |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {name} | {n} | {value.coverage()} | {moved.coverage()} | {null.alarms()} |"
        for name, n, value, moved, null in cells
    ]
    return [*lines, ""]


def _tally(
    trials: int, truths: Sequence[float], draw: Callable[[int, bool], tuple[Runs, Runs]]
) -> list[Tally]:
    """Value, difference and null of `trials` draws (trial, whether ours is moved) -> ours, theirs."""
    value, moved, null = Tally(), Tally(), Tally()
    for block in _blocks(trials):
        apart, alike = ([draw(trial, one) for trial in block] for one in (True, False))
        resampling = Resampling(RESAMPLES, 0.95, block.start)
        values = [estimate(theirs) for _, theirs in apart]
        value.add([one.ci for one in infer_all(values, resampling)], truths[0])
        for tally, sides, truth in ((moved, apart, truths[1] - truths[0]), (null, alike, 0.0)):
            gaps = [difference(*pair) for pair in sides]
            tally.add([one.ci for one in infer_all(gaps, resampling, difference=True)], truth)
    return [value, moved, null]


def _blocks(trials: int) -> list[range]:
    """Trials that are inferred together, on the same resamples."""
    return [range(start, min(start + AT_ONCE, trials)) for start in range(0, trials, AT_ONCE)]


def _runs(sums: Array, kind: Kind) -> Runs:
    return [Statistic(sums, 1, named(kind.estimator))]


def _kinds(trials: int) -> Cells:
    for kind in KINDS:
        big = kind.draw(np.random.default_rng(0), POPULATION, kind.effect)
        truths = tuple(Statistic(sums, 1, named(kind.estimator)).value for sums in big)
        for n in SIZES:

            def draw(trial: int, moved: bool, kind: Kind = kind, n: int = n) -> tuple[Runs, Runs]:
                rng = np.random.default_rng([n, trial, moved])
                theirs, ours = kind.draw(rng, n, kind.effect if moved else 0.0)
                return _runs(ours, kind), _runs(theirs, kind)

            yield kind.name, n, *_tally(trials, truths, draw)  # type: ignore[arg-type]


def _dist(trials: int) -> Cells:
    effect = 0.9
    for n in SIZES:
        rng = np.random.default_rng([0, n])
        truths = tuple(
            float(np.mean([bigrams(rng, n, spread).value for _ in range(min(1000, 4 * trials))]))
            for spread in (1, effect)
        )

        def draw(trial: int, moved: bool, n: int = n) -> tuple[Runs, Runs]:
            rng = np.random.default_rng([n, trial, moved, 1])
            return [bigrams(rng, n, effect if moved else 1)], [bigrams(rng, n, 1)]

        yield "Dist-2", n, *_tally(trials, truths, draw)  # type: ignore[arg-type]


def _seeds(trials: int) -> Cells:
    """Three runs a system: training moves a run by about three times what 100 dialogues do, or not at all."""
    for name, spread in (("three seeds that differ", 2.0), ("three seeds that do not", 0.0)):
        for n in SIZES:

            def draw(trial: int, moved: bool, n: int = n, spread: float = spread) -> tuple[Runs, Runs]:
                rng = np.random.default_rng([n, trial, moved, 2])
                shared = rng.normal(0, 5, n)
                sides = []
                for own in (2.0 if moved else 0.0, 0.0):
                    values = 20 + own + shared + rng.normal(0, spread, (3, 1)) + rng.normal(0, 5, (3, n))
                    sides.append([Statistic(np.stack([run, np.ones(n)], axis=1), n) for run in values])
                return sides[0], sides[1]

            yield name, n, *_tally(trials, (20.0, 22.0), draw)


# Of EVAEval: (our system, theirs) with the same value, and with different ones; see evaeval.py.
ALIKE = (
    ("human", "human"),
    ("right order, wrong amounts", "human"),
    ("right amounts, blind to position", "right amounts, blind to position"),
)
APART = (("right amounts, blind to position", "human"), ("half of the dialogues blind", "human"))
FORMS = ("evaeval_sum/level_2", "evaeval_sum/avg", "evaeval_joint")


def _evaeval(corpus: Path, trials: int) -> list[str]:
    talk, reference = talk_of(corpus)
    rng = np.random.default_rng(0)
    systems = {
        name: talk.profile_of(change(talk, rng))[:, :16]
        for name, change in SYSTEMS.items()
        if any(name in pair for pair in (*ALIKE, *APART))
    }
    population = reference[:, :16]
    truth = {
        (name, form): float(named(form).function(sums.sum(axis=0)[None], population.sum(axis=0))[0])
        for name, sums in systems.items()
        for form in FORMS
    }
    lines = [
        f"Dialogues, and V's, are drawn with replacement from {len(population)} ESConv training dialogues.",
        f"*No interval*: half of the draws have fewer than {LEAST} turns of a level",
        f"in {LEAST // 2} dialogues.",
        "",
        "### Values",
        "",
        "Percent of intervals that hold the truth; *plug-in*: the same interval around the paper's value.",
        "",
        "| system | form | dialogues | corrected | plug-in | mean corrected | mean plug-in | truth |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in ("human", "right order, wrong amounts", "right amounts, blind to position"):
        lines += _values(name, systems[name], population, truth, trials)
    lines += [
        "",
        "### Differences",
        "",
        "Percent of comparisons with p below .05, and of intervals that hold the true difference.",
        "",
        "| ours against theirs | form | dialogues | p below .05 | holds the truth |",
        "|---|---|---:|---:|---:|",
    ]
    for pair in (*ALIKE, *APART):
        lines += _pairs(pair, systems, population, truth, trials)
    return lines


def _drawn(rng: np.random.Generator, rows: Sequence[Array], n: int) -> list[Array]:
    """The same dialogues of each system; alike systems get dialogues of their own."""
    place = rng.integers(0, len(rows[0]), n)
    other = rng.integers(0, len(rows[0]), n) if rows[0] is rows[-1] and len(rows) > 1 else place
    return [rows[0][place], *(one[other] for one in rows[1:])]


def _values(
    name: str, rows: Array, population: Array, truth: dict[tuple[str, str], float], trials: int
) -> list[str]:
    return [
        _value_row(name, rows, population, form, n, truth[name, form], trials) for form in FORMS for n in LONG
    ]


def _value_row(
    name: str, rows: Array, population: Array, form: str, n: int, truth: float, trials: int
) -> str:
    corrected, plain, values = Tally(), Tally(), []
    for block in _blocks(trials):
        drawn = []
        for trial in block:
            rng = np.random.default_rng([n, trial, 3])
            v = population[rng.integers(0, len(population), len(population))]
            drawn.append(measured(*_drawn(rng, [rows], n), v, form))
        known = [one for one in drawn if one is not None]
        missing: list[tuple[float, float] | None] = [None] * (len(drawn) - len(known))
        resampling, found = Resampling(RESAMPLES, 0.95, block.start), [estimate([one]) for one in known]
        plug_ins = [one.plug_in for one in known]
        values += [(one.value, one.plug_in) for one in known]
        corrected.add(missing, truth)
        plain.add(missing, truth)
        if known:
            corrected.add(squared_intervals(found, plug_ins, resampling, (0, None)), truth)
            around = [replace(one, value=value) for one, value in zip(found, plug_ins, strict=True)]
            plain.add([one.ci for one in infer_all(around, resampling)], truth)
    means = [f"{mean:.4f}" for mean in np.mean(values, axis=0)] if len(values) > trials / 2 else ["", ""]
    cells = [corrected.coverage(), plain.coverage(), *means, f"{truth:.4f}"]
    return f"| {name} | `{form}` | {n} | {' | '.join(cells)} |"


def _pairs(
    names: tuple[str, str],
    systems: dict[str, Array],
    population: Array,
    truth: dict[tuple[str, str], float],
    trials: int,
) -> list[str]:
    lines = []
    for form in FORMS:
        gap = truth[names[0], form] - truth[names[1], form]
        for n in LONG:
            holds, zero = Tally(), Tally()
            for block in _blocks(trials):
                gaps = [_gap([systems[one] for one in names], population, form, n, trial) for trial in block]
                known = [one for one in gaps if one is not None]
                resampling = Resampling(RESAMPLES, 0.95, block.start)
                found = infer_all(known, resampling, difference=True) if known else []
                intervals = [None] * (len(gaps) - len(known)) + [one.ci for one in found]
                holds.add(intervals, gap)
                zero.add(intervals, 0.0)
            lines.append(f"| {' / '.join(names)} | `{form}` | {n} | {zero.alarms()} | {holds.coverage()} |")
    return lines


def _gap(rows: Sequence[Array], population: Array, form: str, n: int, trial: int) -> Estimate | None:
    """The difference of two systems in one trial; None where either is not measured."""
    rng = np.random.default_rng([n, trial, 4])
    v = population[rng.integers(0, len(population), len(population))]
    ours, theirs = (measured(one, v, form) for one in _drawn(rng, rows, n))
    return None if ours is None or theirs is None else difference([ours], [theirs])


if __name__ == "__main__":
    _ = formulas  # the estimators that statistics name
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else TRIALS)
