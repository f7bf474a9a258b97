"""Whether the report of `eva annotate import` finds the error rates of annotators, and whom its signs meet.

Usage: python docs/studies/annotation.py docs/studies/annotation-tables.md [TRIALS]

Annotators with known rates (docs/studies/simulated_annotators.py) answer; the code behind the command says
what it would say of them. No person is behind any answer.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from simulated_annotators import answer, erring_order, invented, reading_time, true_order

from eva.annotation import conduct
from eva.annotation.assignment import Workload
from eva.annotation.consensus import Consensus
from eva.annotation.error_rates import class_probabilities, count_errors
from eva.annotation.gathering import read_answers
from eva.annotation.round_export import plan_round, write_round
from eva.annotation.round_key import Kind, Round
from eva.annotation.votes import MOST_AGAINST
from eva.artifacts import write_text
from eva.cli.evaluate_settings import unconfigured
from eva.data.candidates import write_candidates
from eva.statistics.proportions import clopper_pearson

RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.05, 0.1, 0.15, 0.2, 0.4, 0.5)
TEAMS = {"12, .05 to .5": RATES, "5, .1 to .4": (0.1, 0.15, 0.2, 0.3, 0.4), "3, .1 to .3": (0.1, 0.2, 0.3)}
SIZES = (40, 200)
CANDIDATES = 4
CHANCE = 1 - 1 / CANDIDATES


def main(out: Path, trials: int) -> None:
    """Run every part and write the page."""
    lines = [
        "# Annotators with known error rates: the tables",
        "",
        f"Made by `docs/studies/annotation.py`: {trials} trials a cell. What follows from them:",
        "[annotation.md](annotation.md).",
        "",
        "## One round: 40 items of four candidates, twelve annotators, through the files of the pages",
        "",
        *_one_round(),
        "",
        "## Error rates: how often the 95 % interval holds the known rate",
        "",
        "| annotators, rates | items | intervals that hold | mean error of the rate | best candidate found |",
        "|---|---:|---:|---:|---:|",
        *_recovery(trials),
        "",
        "## Items kept, and kept with the right first candidate (twelve annotators, all with one rate)",
        "",
        "| rate | kept | right of those kept | right of those left out |",
        "|---:|---:|---:|---:|",
        *_kept(trials),
        "",
        "## Signs: percent of annotators who get one",
        "",
        "40 items and five repeats of four candidates; readers at 238 words a minute, give or take.",
        "",
        "| annotator | too fast | constant | intransitive | guessing |",
        "|---|---:|---:|---:|---:|",
        *_signs(trials),
    ]
    write_text(out, "\n".join(lines) + "\n")


def _one_round() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        candidates, folder = Path(name) / "candidates.jsonl", Path(name) / "round"
        write_candidates(candidates, invented(10, 4))
        write_round(plan_round(candidates, Kind.RANKING, Workload(12, 12, 5, 0)), candidates, folder)
        answer(folder, RATES)
        made = Round.read(folder)
        given = read_answers(made.key, sorted((folder / "answers").glob("*.json")), partial=False).given
    reached = Consensus.of(made, given, MOST_AGAINST, unconfigured())
    kept = [one for one in reached.decisions if one.kept]
    right = sum(one.order[0] == true_order(made.items[one.item])[0] for one in kept)
    yield f"{len(kept)} of 40 items kept, {right} of them with the right first candidate."
    yield ""
    yield "| annotator | known rate | reported | interval | holds | signs |"
    yield "|---|---:|---:|---:|---|---|"
    for rate, row in zip(RATES, reached.annotators, strict=True):
        low, high = row.error_ci
        holds = "yes" if low <= rate <= high else "no"
        signs = ", ".join(sign.partition(":")[0] for sign in row.signs)
        shown = f"{row.error:.3f} | {low:.3f} to {high:.3f}"
        yield f"| {row.annotator} | {rate:.2f} | {shown} | {holds} | {signs} |"


def _votes(rates: Sequence[float], items: int, rng: np.random.Generator) -> np.ndarray:
    """(items, annotators) choices among four candidates, of which 0 is the right one."""
    wrong = rng.random((items, len(rates))) < np.asarray(rates)
    return np.where(wrong, rng.integers(1, CANDIDATES, wrong.shape), 0)


def _recovery(trials: int) -> Iterator[str]:
    for team, rates in TEAMS.items():
        for items in SIZES:
            held, errors, right = [], [], []
            for trial in range(trials):
                votes = _votes(rates, items, np.random.default_rng([items, trial]))
                sizes = np.full(items, CANDIDATES)
                wrong, n = count_errors(votes, sizes)
                found = [clopper_pearson(int(k), int(m), 0.95) for k, m in zip(wrong, n, strict=True)]
                held += [low <= rate <= high for (low, high), rate in zip(found, rates, strict=True)]
                errors.append((wrong / n - rates).mean())
                right.append((class_probabilities(votes, sizes).argmax(axis=1) == 0).mean())
            cells = f"{np.mean(held):.1%} | {np.mean(errors):+.3f} | {np.mean(right):.1%}"
            yield f"| {team} | {items} | {cells} |"


def _kept(trials: int) -> Iterator[str]:
    for rate in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        votes = _votes([rate] * 12, 40 * trials, np.random.default_rng(int(100 * rate)))
        counts = (votes[:, :, None] == np.arange(CANDIDATES)).sum(axis=1)
        kept = 12 - counts.max(axis=1) <= 12 * MOST_AGAINST
        right = counts[:, 0] == counts.max(axis=1)
        left = f"{right[~kept].mean():.1%}" if (~kept).any() else "-"
        yield f"| {rate:.1f} | {kept.mean():.1%} | {right[kept].mean():.1%} | {left} |"


def _signs(trials: int) -> Iterator[str]:
    people: dict[str, tuple[float, float, Callable[[list[str], np.random.Generator], list[str]]]] = {
        f"careful, errs {rate:.0%}": (1.0, rate, lambda order, rng: order) for rate in (0.05, 0.1, 0.2, 0.3)
    }
    people["careful, reads twice as fast, errs 10%"] = (2.0, 0.1, lambda order, rng: order)
    people["takes the screen's order"] = (1.0, 0.0, lambda order, rng: sorted(order))
    people["at random, in two seconds"] = (20.0, 0.75, lambda order, rng: order)
    for name, (pace, rate, habit) in people.items():
        rng = np.random.default_rng(7)
        found = np.array([_signs_of(pace, rate, habit, rng) for _ in range(trials)])
        yield f"| {name} | {' | '.join(f'{share:.1f}' for share in 100 * found.mean(axis=0))} |"


def _signs_of(
    pace: float,
    rate: float,
    habit: Callable[[list[str], np.random.Generator], list[str]],
    rng: np.random.Generator,
) -> list[bool]:
    """Too fast, constant, intransitive, guessing: of one annotator; candidates are named by their places."""
    own = pace * float(np.exp(0.25 * rng.standard_normal()))
    texts = ["word " * int(n) for n in rng.integers(15, 45, CANDIDATES)]
    seconds = [reading_time(texts, own, rng) / (pace if pace > 2 else 1) for _ in range(40)]
    words = [sum(len(text.split()) for text in texts)] * 40
    places, errors, reversed_ = [], 0, 0
    for item in range(45):
        truth = [str(i) for i in rng.permutation(CANDIDATES)]
        order = habit(erring_order(truth, rate, rng), rng)
        if item < 40:
            places.append(int(order[0]))
            errors += order[0] != truth[0]
        else:
            shown = {name: str(i) for name, i in zip(truth, rng.permutation(CANDIDATES), strict=True)}
            again = habit([shown[one] for one in erring_order(truth, rate, rng)], rng)
            names = {place: name for name, place in shown.items()}
            reversed_ += conduct.compare_orders(order, [names[place] for place in again])[0]
    return [
        conduct.is_fast(seconds, words),
        conduct.constant_place(places, [CANDIDATES] * 40) is not None,
        conduct.is_inconsistent(reversed_, 30),
        conduct.is_guessing(clopper_pearson(errors, 40, 0.95)[1], CHANCE),
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500)
