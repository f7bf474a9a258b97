"""Whether intervals hold the truth and tests stay at their level, for every kind of statistic.

Usage: python docs/studies/coverage.py FOLDER_OF_ESCONV docs/studies/coverage-tables.md [TRIALS]

Systems with known values answer simulated dialogues; the code under test is the one behind `eva score`
and the report. Of each kind of statistic: how often the interval of a value, and of a difference from
a second system on the same dialogues, holds the truth, and how often two systems that are alike are
told apart (false alarms, p below .05 before Holm's correction).
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from evaeval import SYSTEMS, measured, talk_of

from eva.artifacts import write_text
from eva.metrics import formulas
from eva.metrics.families.evaeval import LEAST
from eva.statistics.bootstrap import Resampling, infer_all, squared_intervals
from eva.statistics.estimators import Array, Statistic, linearised, named
from eva.statistics.spread import Estimate, difference, estimate

SIZES = (8, 12, 20, 50, 100, 200)
LONG = SIZES[2:]  # of EVAEval, whose levels are seldom measured on fewer
TRIALS = 2000  # of EVAEval, which takes longer, half as many: an error of .7 points
RESAMPLES, ENOUGH = 999, 0.5  # a coverage is shown where at least half of the trials have an interval
POPULATION = 100_000  # dialogues whose value is taken as the truth
VOCABULARY = 4000
AT_ONCE = 250

Draw = Callable[[np.random.Generator, int, float], tuple[Array, Array]]  # sums of theirs and of ours
Runs = list[Statistic]


@dataclass(frozen=True)
class Kind:
    """A simulated metric: sums over dialogues of both systems, ours moved by `effect`."""

    name: str
    draw: Draw
    effect: float
    estimator: str = "ratio"


def _turns(rng: np.random.Generator, n: int) -> Array:
    return 2.0 + rng.poisson(6, n)


def _per_turn(turns: Array, values: Callable[[int, Array], Array]) -> Array:
    """Sums over each dialogue of one value a turn: `values` takes their number and the dialogue of each."""
    owners = np.repeat(np.arange(len(turns)), turns.astype(int))
    sums = np.bincount(owners, weights=values(len(owners), owners), minlength=len(turns))
    return np.stack([sums, turns], axis=1)


def skewed(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
    """Lengths in words: lognormal within and between dialogues."""
    turns, shared = _turns(rng, n), rng.normal(0, 0.3, n)
    return tuple(  # type: ignore[return-value]
        _per_turn(turns, lambda k, d, own=own: 20 * (1 + own) * np.exp(shared[d] + rng.normal(0, 0.6, k)))
        for own in (0.0, effect)
    )


def mostly_zero(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
    """Sentence BLEU-2: one response in eight shares a bigram."""
    turns, shared = _turns(rng, n), rng.gamma(2, 0.5, n)
    return tuple(  # type: ignore[return-value]
        _per_turn(
            turns,
            lambda k, d, own=own: (rng.random(k) < 0.125 * shared[d]) * rng.gamma(2, 8 * (1 + own), k),
        )
        for own in (0.0, effect)
    )


def degrees(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
    """EPITOME's degrees 0, 1, 2, mostly 0."""
    turns, shared = _turns(rng, n), rng.beta(2, 8, n)
    return tuple(  # type: ignore[return-value]
        _per_turn(
            turns,
            lambda k, d, own=own: (rng.random(k) < shared[d] + own) * (1.0 + (rng.random(k) < 0.7)),
        )
        for own in (0.0, effect)
    )


def share(mean: float) -> Draw:
    """Share of responses of a type, whose tendency differs from dialogue to dialogue."""

    def draw(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
        turns, shared = _turns(rng, n), rng.beta(5 * mean, 5 * (1 - mean), n)
        return tuple(  # type: ignore[return-value]
            np.stack([100 * rng.binomial(turns.astype(int), np.minimum(1, shared + own)), turns], axis=1)
            for own in (0.0, effect)
        )

    return draw


def corpus_bleu(rng: np.random.Generator, n: int, effect: float) -> tuple[Array, Array]:
    """Counts of corpus BLEU-2: matched and all unigrams and bigrams, tokens of response and reference."""
    turns, shared = _turns(rng, n), rng.beta(4, 16, n)
    found = []
    for own in (0.0, effect):
        owners = np.repeat(np.arange(n), turns.astype(int))
        words, gold = 4 + rng.poisson(12, len(owners)), 4 + rng.poisson(14, len(owners))
        ones = rng.binomial(words, np.minimum(1, shared[owners] + own))
        twos = rng.binomial(np.minimum(ones, words - 1), 0.25)
        columns = np.stack([ones, words, twos, words - 1, words, gold], axis=1).astype(np.float64)
        sums = np.zeros((n, 6))
        np.add.at(sums, owners, columns)
        found.append(sums)
    return found[0], found[1]


KINDS = (
    Kind("mean, skewed (words)", skewed, 0.15),
    Kind("mean, mostly 0 (sentence BLEU-2)", mostly_zero, 0.4),
    Kind("mean degree, 0 to 2", degrees, 0.08),
    Kind("share, 30 %", share(0.3), 0.1),
    Kind("share, 5 %", share(0.05), 0.05),
    Kind("corpus BLEU-2", corpus_bleu, 0.05, "bleu_2"),
)


@dataclass
class Tally:
    """Of the trials that have an interval: how many hold the truth."""

    trials: int = 0
    given: int = 0
    held: int = 0

    def add(self, intervals: Sequence[tuple[float, float] | None], truth: float) -> None:
        given = [ci for ci in intervals if ci is not None]
        self.trials += len(intervals)
        self.given += len(given)
        self.held += sum(low <= truth <= high for low, high in given)

    @property
    def missed(self) -> float:
        return 1 - self.held / self.given

    def coverage(self) -> str:
        return self._shown(lambda: f"{100 * self.held / self.given:.1f}")

    def alarms(self) -> str:
        return self._shown(lambda: f"{100 * self.missed:.1f}")

    def _shown(self, number: Callable[[], str]) -> str:
        """The number, with the share of trials without an interval where there are some."""
        if self.given < ENOUGH * self.trials:
            return "no interval"
        without = 100 * (1 - self.given / self.trials)
        return number() + (f" ({without:.0f} without)" if without >= 0.5 else "")


def main(corpus: Path, out: Path, trials: int) -> None:
    """Run every part and write the page."""
    lines = [
        "# Coverage and false alarms: the tables",
        "",
        f"Made by `docs/studies/coverage.py`: {trials} trials a cell ({trials // 2} of EVAEval), {RESAMPLES}",
        "resamples, 95 % intervals.",
        "What follows from them: [coverage.md](coverage.md). *Value*: percent of intervals that hold",
        "the truth. *Difference*: the same for a difference of known size, paired by dialogue.",
        "*False alarms*: percent of comparisons of two systems that are alike which have p below .05. In",
        "brackets: percent of trials in which too few dialogues differ for an interval.",
        "",
    ]
    lines += ["## Means, shares, corpus BLEU-2", "", *_table(_kinds(trials))]
    lines += ["## Dist-2", "", *_table(_dist(trials))]
    lines += ["## Several training seeds", "", *_table(_seeds(trials))]
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


def _bigrams(rng: np.random.Generator, n: int, spread: float) -> Statistic:
    """Dist-2 of n dialogues whose bigrams come from a Zipf law and, one in three, from their own topic."""
    size = 20 + rng.poisson(20, n)
    owners = np.repeat(np.arange(n), size)
    ranks = (VOCABULARY ** rng.random(len(owners)) ** spread).astype(np.int64)
    topic = rng.random(len(owners)) < 1 / 3
    codes = np.where(
        topic, VOCABULARY + 200 * (owners * 7919 % 997) + rng.integers(0, 200, len(owners)), ranks
    )
    pairs = np.unique(codes * n + owners)
    held = np.unique(pairs // n, return_counts=True)[1]
    own = np.bincount((pairs % n)[np.repeat(held == 1, held)], minlength=n)
    without = 100 * (len(held) - own) / (len(owners) - size)
    return linearised(100 * len(held) / len(owners), without, len(owners))


def _dist(trials: int) -> Cells:
    effect = 0.9
    for n in SIZES:
        rng = np.random.default_rng([0, n])
        truths = tuple(
            float(np.mean([_bigrams(rng, n, spread).value for _ in range(min(1000, 4 * trials))]))
            for spread in (1, effect)
        )

        def draw(trial: int, moved: bool, n: int = n) -> tuple[Runs, Runs]:
            rng = np.random.default_rng([n, trial, moved, 1])
            return [_bigrams(rng, n, effect if moved else 1)], [_bigrams(rng, n, 1)]

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
