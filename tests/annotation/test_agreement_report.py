"""Known error rates are recovered; agreement by level; signs of not reading; what is written."""

import json
from pathlib import Path

import numpy as np
import pytest
from docs.studies.simulated_annotators import answer, erring_order, page_export, true_order
from tests.annotation.conftest import NewRound
from tests.cli.conftest import Eva

from eva.annotation import conduct
from eva.annotation.consensus import Consensus
from eva.annotation.error_rates import class_probabilities, count_errors
from eva.annotation.gathering import read_answers
from eva.annotation.round_key import Kind, Round
from eva.annotation.votes import MOST_AGAINST
from eva.data.candidates import read_candidates, read_ranked
from eva.scorers.level_examples import read_level_file
from eva.settings.evaluate_section import Evaluate
from eva.statistics.proportions import clopper_pearson

SETTINGS = Evaluate(metrics=["overlap"], bootstrap=200, confidence=0.95, ngram=4, seed=0)
RATES = np.array([0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.05, 0.1, 0.15, 0.2, 0.4, 0.5])


def consensus(made: Round, folder: Path) -> Consensus:
    answers = read_answers(made.key, sorted((folder / "answers").glob("*.json")), partial=False)
    return Consensus.of(made, answers.given, MOST_AGAINST, SETTINGS)


def drawn_votes(rates: np.ndarray, items: int, rng: np.random.Generator) -> np.ndarray:
    """(items, annotators) choices among four, of which 0 is right."""
    wrong = rng.random((items, len(rates))) < rates
    return np.where(wrong, rng.integers(1, 4, wrong.shape), 0)


def test_intervals_hold_the_known_rates_of_twelve() -> None:
    """95 % intervals over 200 rounds of 40 items: exact ones hold a little more often than they say."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        votes = drawn_votes(RATES, 40, rng)
        errors, n = count_errors(votes, np.full(40, 4))
        intervals = [clopper_pearson(int(k), int(m), 0.95) for k, m in zip(errors, n, strict=True)]
        held += sum(low <= rate <= high for (low, high), rate in zip(intervals, RATES, strict=True))
    assert 0.94 <= held / (200 * 12) <= 0.99


def test_who_errs_often_counts_less() -> None:
    """Two careful annotators are believed against three who guess alike by chance."""
    rng = np.random.default_rng(1)
    votes = 3 - drawn_votes(np.array([0.02, 0.02, 0.7, 0.7, 0.7]), 300, rng)  # 3 is right: ties are not
    classes = class_probabilities(votes, np.full(300, 4)).argmax(axis=1)
    majority = np.array([np.bincount(row, minlength=4).argmax() for row in votes])
    assert (classes == 3).mean() > 0.97 > (majority == 3).mean()


def test_fewer_than_three_votes_show_no_errors() -> None:
    votes = np.array([[0, 1], [0, 0], [1, 0]])
    assert count_errors(votes, np.full(3, 4))[1].tolist() == [0, 0]


def test_a_whole_round_recovers_its_rates(new_round: NewRound, folder: Path) -> None:
    """Through the files: exported, answered by twelve with known rates, imported."""
    made = new_round(annotators=12, repeats=5)
    answer(folder, RATES.tolist())
    reached = consensus(made, folder)
    inside = [row.error_ci[0] <= rate <= row.error_ci[1]
              for row, rate in zip(reached.annotators, RATES, strict=True)]  # fmt: skip
    assert sum(inside) >= 11
    kept = [one for one in reached.decisions if one.kept]
    assert len(kept) >= 22
    assert [one.order[0] for one in kept] == [true_order(made.items[one.item])[0] for one in kept]
    (everything, *by_level) = reached.agreed
    assert everything.kappa.ci[0] < everything.kappa.value < everything.kappa.ci[1]
    assert everything.alpha.value == pytest.approx(everything.kappa.value, abs=0.02)
    assert [one.of for one in by_level] == ["level 1", "level 2", "level 3", "level 4"]
    assert [one.subjects for one in by_level] == [24] * 4
    assert reached.resampled == "items, as there are only 6 dialogues"


def test_perfect_agreement_and_none(new_round: NewRound, folder: Path) -> None:
    made = new_round()
    answer(folder, [0.0])
    assert consensus(made, folder).agreed[0].kappa.value == pytest.approx(1)
    answer(folder, [0.75])
    assert abs(consensus(made, folder).agreed[0].kappa.value) < 0.25


def test_signs_of_those_who_do_not_read(new_round: NewRound, folder: Path) -> None:
    """Careful, always the first on the screen, always level 4, at random, and far too fast."""
    made = new_round(annotators=6, repeats=5)
    answer(folder, [0.1])
    rng = np.random.default_rng(5)
    for number, order in (
        (2, lambda task: [0, 1, 2, 3]),
        (3, lambda task: sorted(range(4), key=lambda i: -level_of(made, task, i))),
        (4, lambda task: rng.permutation(4).tolist()),
    ):
        edited(made, folder, number, lambda task, row, order=order: {**row, "order": order(task)})
    edited(made, folder, 5, lambda task, row: {**row, "ms": 2500})
    signs = [" ".join(row.signs) for row in consensus(made, folder).annotators]
    assert signs[0] == signs[5] == ""
    assert "constant: response a of the screen is the best in 100% of the tasks" in signs[1]
    assert "constant: nearly always level 4" in signs[2]
    assert "guessing" in signs[3]
    assert "too fast: 100% of the tasks" in signs[4]


def level_of(made: Round, task, i: int) -> int:
    return next(one.level for one in made.items[task.item] if one.candidate == task.shown[i])


def edited(made: Round, folder: Path, number: int, change) -> None:
    annotator = f"annotator_{number}"
    path = folder / "answers" / f"{annotator}.json"
    rows = json.loads(path.read_text())["answers"]
    tasks = made.key.assignments[annotator]
    path.write_text(page_export(made, annotator, [change(*pair) for pair in zip(tasks, rows, strict=True)]))


def test_intransitive_is_who_reverses_what_came_again() -> None:
    assert conduct.compare_orders("abcd", "abcd") == (0, 6)
    assert conduct.compare_orders("abcd", "dcba") == (6, 6)
    assert conduct.compare_orders("abc", "cdb") == (1, 1), "only what both ranked"
    assert conduct.is_inconsistent(13, 30)
    assert not conduct.is_inconsistent(12, 30)
    assert not conduct.is_inconsistent(6, 6), "one repeated item is too little"


def test_careful_annotators_are_seldom_flagged_and_random_ones_mostly() -> None:
    """Five repeats of four candidates, as in docs/studies/annotation.md."""
    rng = np.random.default_rng(2)

    def share(rate: float, trials: int = 400) -> float:
        def reversed_() -> int:
            orders = [[erring_order("abcd", rate, rng) for _ in range(2)] for _ in range(5)]
            return sum(conduct.compare_orders(*pair)[0] for pair in orders)

        return float(np.mean([conduct.is_inconsistent(reversed_(), 30) for _ in range(trials)]))

    assert share(0.1) < 0.02
    assert share(0.75) > 0.5


def test_the_command_writes_what_preferences_read(eva: Eva, candidates: Path) -> None:
    assert eva("annotate", "export", candidates, "--out", "r", "--annotators", 3).code == 0
    answer(Path("r"), [0.1, 0.1, 0.4])
    shown = eva("annotate", "progress", "r").out
    assert "24 items have 3 annotators" in shown
    result = eva("annotate", "import", "r")
    assert result.code == 0, result.err
    assert "Fleiss' kappa" in result.out
    ranked = read_ranked(Path("r/ranked.jsonl"), read_candidates(candidates))
    assert len(ranked) == 24
    report = json.loads(Path("r/agreement.json").read_text())
    assert report["most_against"] == "5/12"
    assert sum(one["kept"] for one in report["decisions"]) == sum(one.kept for one in ranked)
    again = eva("annotate", "import", "r", "--without", "annotator_3")
    assert json.loads(Path("r/agreement.json").read_text())["without"] == ["annotator_3"]
    assert again.code == 0


def test_the_round_of_levels_gives_a_level_file(new_round: NewRound, folder: Path) -> None:
    made = new_round(Kind.LEVELS, annotators=5)
    answer(folder, [0.1])
    reached = consensus(made, folder)
    result, report = reached.write(folder, {})
    examples = read_level_file(result, 1)
    assert len(examples) == sum(one.kept for one in reached.decisions) > 80
    assert [one.of for one in reached.agreed] == ["all", "none", *(f"level {n}" for n in range(1, 5))]
    assert json.loads(report.read_text())["kind"] == "levels"
    truth = {c.text: c.level for found in made.items.values() for c in found}
    assert np.mean([truth[one.text[1]] == one.level for one in examples]) > 0.98


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--most-against", "x"], "--most-against x: is no share"),
        (["--most-against", "1"], "give a share from 0 to below 1"),
        (["--without", "kim"], "--without kim: answered nothing. Who did: annotator_1"),
    ],
)
def test_options_that_cannot_be(eva: Eva, candidates: Path, words: list[str], message: str) -> None:
    eva("annotate", "export", candidates, "--out", "r", "--annotators", 1)
    answer(Path("r"), [0.1])
    result = eva("annotate", "import", "r", *words)
    assert result.code == 2
    assert message in result.err


def test_other_refusals(eva: Eva, candidates: Path) -> None:
    assert (
        "no such round. Known: ranking, levels"
        in eva("annotate", "export", candidates, "--out", "r", "--round", "x").err
    )
    assert "give the folder that `eva annotate export` wrote" in eva("annotate", "import", "nothing").err
