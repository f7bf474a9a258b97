"""Automatic metrics against human scores, response by response and dialogue by dialogue."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.cli.conftest import Eva
from tests.human.conftest import fill, responses, rows_of, write_lines
from tests.recorded import RecordedScorers

from eva.data.responses import Response
from eva.human.correlation import correlate, weighted_ranks
from eva.human.key import Key
from eva.human.ratings import Ratings, read_ratings
from eva.metrics.formulas import all_distances
from eva.metrics.score import score
from eva.scorers.reference import LevelledTurn, Reference, profile, reference_from_levels
from eva.settings.evaluate_section import Evaluate


def words(text: str) -> int:
    return len(text.split())


def read(study: str) -> Ratings:
    return read_ratings(Key.read(Path(study)), sorted(Path(study, "sheets").glob("*.csv")))


def gaps(key: Key, systems: tuple[Path, Path]) -> list[int]:
    """For each item, how many words the first system says more than the second."""
    said = [{row.key: words(row.response) for row in responses(path)} for path in systems]
    return [said[0][i.dialogue_id, i.turn] - said[1][i.dialogue_id, i.turn] for i in key.items]


def uneven(tmp_path: Path) -> tuple[Path, Path]:
    """Two systems whose lengths differ from turn to turn, in both directions."""
    ours, theirs = rows_of("kind"), rows_of("curt")
    for i, row in enumerate(theirs):
        row["response"] += " well" * (i * 5 % 13)
    return write_lines(tmp_path / "a.jsonl", ours), write_lines(tmp_path / "b.jsonl", theirs)


def found(eva: Eva, *words: object) -> dict[tuple[str, str, str], dict[str, Any]]:
    done = eva("human", "import", "study", *words, "--json", "out.json")
    assert done.code == 0, done.err
    rows = json.loads(Path("out.json").read_text())["correlations"]
    return {(row["metric"], row["criterion"], row["unit"]): row for row in rows}


def test_people_who_like_the_longer_one(eva: Eva, tmp_path: Path) -> None:
    systems = uneven(tmp_path)
    eva("human", "export", *systems, "--out", "study", "--n", 60)
    gap = gaps(Key.read(Path("study")), systems)
    fill(Path("study"), lambda i, *_: "win" if gap[i] > 0 else "lose" if gap[i] < 0 else "tie")
    rows = found(eva, "--responses", systems[0], "--responses", systems[1])
    row = rows["length/words", "fluency", "response"]
    expected = spearmanr(gap, np.sign(gap))
    assert row["rho"] == pytest.approx(expected.statistic, abs=1e-12)
    assert 0 < row["p_value"] < 0.05 and row["p_adjusted"] >= row["p_value"]
    assert (row["n"], row["n_dialogues"]) == (60, 12)
    assert row["ci"][0] <= row["rho"] <= row["ci"][1]
    assert row["rho"] > 0.5
    assert {metric.partition("/")[0] for metric, _, _ in rows} >= {"overlap", "diversity", "length"}
    # Files may come in either order: the key knows them by their digests.
    assert found(eva, "--responses", systems[1], "--responses", systems[0]) == rows


def test_what_has_no_value_per_response_is_named(eva: Eva, tmp_path: Path) -> None:
    systems = uneven(tmp_path)
    eva("human", "export", *systems, "--out", "study", "--n", 20)
    fill(Path("study"), lambda i, *_: ("win", "lose")[i % 2])
    done = eva("human", "import", "study", "--responses", systems[0], "--responses", systems[1])
    names = "diversity/dist_1, diversity/dist_2, diversity/dist_2_500"
    assert f"{names}, per response: is defined only for a whole file" in done.err
    assert "overlap/bleu_2_corpus, per response: is the same as overlap/bleu_2" in done.err
    assert "repetition/over_30, per response: is defined per dialogue" in done.err
    assert "left out: evaeval: is defined per dialogue" in done.err
    assert "left out: epitome, level_turns: no scorer for it in models" in done.err


def levelled(name: str, rows: list[Response]) -> RecordedScorers:
    rng = np.random.default_rng(ord(name[0]))
    return RecordedScorers.from_rows(
        [
            {"dialogue_id": row.dialogue_id, "turn": row.turn, "level": int(rng.integers(0, 5))}
            | {kind: int(rng.integers(0, 3)) for kind in ("ip", "ex", "er")}
            for row in rows
        ]
    )


@pytest.fixture
def histogram() -> Reference:
    turns = [LevelledTurn(f"r{i}", turn, 8, (turn + 1) // 2) for i in range(9) for turn in range(1, 9)]
    return reference_from_levels(turns)


def test_table_9_by_hand(
    eva: Eva, systems: tuple[Path, Path], settings: Evaluate, histogram: Reference
) -> None:
    """Appendix H's protocol: whole dialogues, yes or no; EVAEval of a dialogue against its share of yes."""
    eva("human", "export", systems[0], "--ask", "validation", "--out", "study", "--dialogues", 9)
    fill(Path("study"), lambda i, _, rater: "yes" if (i * 7 + int(rater[-1])) % 5 < 2 else "no")
    ratings, rows = read("study"), responses(systems[0])
    scorers = levelled("kind", rows)
    result = score(rows, ["evaeval", "epitome"], settings=settings, scorers=scorers, reference=histogram)
    correlations = {(r.metric, r.unit): r for r in correlate(ratings, [[result]], settings).rows}

    yes: dict[str, list[float]] = defaultdict(list)
    for item, human in zip(ratings.key.items, ratings.scores("emotional_validation"), strict=True):
        yes[item.dialogue_id].append(human)
    dialogues = sorted(yes)
    distances = []
    for name in dialogues:
        counts = np.zeros((1, 4, 4), dtype=np.int64)
        for row in rows:
            level = scorers.recorded[row.key]["level"]
            if row.dialogue_id == name and level:
                counts[0, level - 1, row.quartile - 1] += 1
        distances.append(all_distances(profile(counts), histogram.totals[None])["evaeval/avg"][0])
    human = np.round([np.mean(yes[name]) for name in dialogues], 9)
    expected = spearmanr(np.round(distances, 9), human)
    assert correlations["evaeval/avg", "dialogue"].rho == pytest.approx(expected.statistic, abs=1e-12)
    assert correlations["evaeval/avg", "dialogue"].n == 9

    degrees = [scorers.recorded[item.dialogue_id, item.turn]["er"] for item in ratings.key.items]
    expected = spearmanr(degrees, ratings.scores("emotional_validation"))
    assert correlations["epitome/er", "response"].rho == pytest.approx(expected.statistic, abs=1e-12)
    assert ("evaeval/avg", "response") not in correlations


def test_two_systems_by_dialogue_are_differences(
    eva: Eva, tmp_path: Path, settings: Evaluate, histogram: Reference
) -> None:
    systems = uneven(tmp_path)
    for path in systems:  # dialogues of unequal length, so that a sum is no mean
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        write_lines(path, [row for row in rows if row["turn"] <= 2 or int(row["dialogue_id"][-1]) % 3])
    eva("human", "export", *systems, "--out", "study", "--dialogues", 10)
    fill(Path("study"), lambda i, *_: ("win", "win", "tie", "win", "lose")[(i * i + i // 3) % 5])
    ratings = read("study")
    results = []
    for name, path in zip(("kind", "curt"), systems, strict=True):
        rows = responses(path)
        labels = levelled(name, rows)
        results.append(
            [score(rows, ["length", "evaeval"], settings=settings, scorers=labels, reference=histogram)]
        )
    rows = {
        (r.metric, r.unit): r for r in correlate(ratings, results, settings).rows if r.criterion == "fluency"
    }
    gap, human = defaultdict(list), defaultdict(list)
    for item, more, liked in zip(
        ratings.key.items, gaps(ratings.key, systems), ratings.scores("fluency"), strict=True
    ):
        gap[item.dialogue_id].append(more)
        human[item.dialogue_id].append(liked)
    means = np.round([[np.mean(gap[d]), np.mean(human[d])] for d in gap], 9)
    expected = spearmanr(means[:, 0], means[:, 1])
    assert rows["length/words", "dialogue"].rho == pytest.approx(expected.statistic, abs=1e-12)
    assert ("evaeval_joint", "dialogue") in rows


def test_resampled_ranks_are_scipys() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 4, 40).astype(float), rng.integers(0, 3, 40).astype(float)
    weights = rng.integers(0, 4, (25, 40)).astype(float)
    drawn = (weighted_ranks(left, weights) * weighted_ranks(right, weights)).sum(axis=1)
    for value, times in zip(drawn, weights.astype(int), strict=True):
        expected = spearmanr(np.repeat(left, times), np.repeat(right, times)).statistic
        assert value == pytest.approx(expected, abs=1e-12)
    assert np.isnan(weighted_ranks(np.ones(40), weights)).all()


def test_scores_that_do_not_vary(eva: Eva, systems: tuple[Path, Path], settings: Evaluate) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 20)
    fill(Path("study"), lambda _, name, __: "win" if name == "fluency" else "tie")
    results = [[score(responses(path), ["length"], settings=settings)] for path in systems]
    found = correlate(read("study"), results, settings)
    assert not found.rows
    (line,) = [line for line in found.left_out if "human score of fluency" in line]
    assert line.endswith("per response: the same for every response")


def test_no_interval_for_a_metric_that_hardly_varies(eva: Eva, tmp_path: Path, settings: Evaluate) -> None:
    """One response of 96 is longer: a third of the resamples do not hold it."""
    rows = [{**row, "response": "Go on."} for row in rows_of("curt")]
    rows[0]["response"] = "Go on, please."
    path = write_lines(tmp_path / "a.jsonl", rows)
    eva("human", "export", path, "--out", "study", "--n", 96)
    fill(Path("study"), lambda i, *_: ("yes", "no")[i % 2])
    result = score(responses(path), ["length"], settings=settings)
    (row,) = correlate(read("study"), [[result]], settings).rows
    assert row.ci is None


def test_too_few_items(eva: Eva, systems: tuple[Path, Path], settings: Evaluate) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 3)
    fill(Path("study"), lambda i, *_: ("win", "tie", "lose")[i])
    results = [[score(responses(path), ["length"], settings=settings)] for path in systems]
    assert "3 rated responses are too few" in correlate(read("study"), results, settings).left_out[0]
