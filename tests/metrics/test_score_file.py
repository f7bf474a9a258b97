"""What `evaluate` writes is all that a report needs: nothing of a statistic is lost in the file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eva.artifacts import read_json, write_json
from eva.data.responses import Response
from eva.errors import InputError
from eva.metrics.measured import Measured
from eva.metrics.score import ScoreResult, score
from eva.metrics.score_file import read_scores
from eva.metrics.score_writer import write_inapplicable, write_scores
from eva.metrics.slices import parts_of
from eva.settings.evaluate_section import Evaluate
from eva.statistics.estimators import named

FAMILIES = ["overlap", "diversity", "length", "response_type", "repetition"]


@pytest.fixture
def result(make_rows: Callable[..., list[Response]], settings: Evaluate) -> ScoreResult:
    rng = np.random.default_rng(0)
    words = ["i", "see", "you", "and", "it", "is", "so", "hard", "today"]
    said = {
        f"d{i}": [" ".join(rng.choice(words, 1 + (i + k) % 7)) for k in range(1 + i % 4)] for i in range(9)
    }
    rows = make_rows(said, said)
    return score(
        [replace(row, slices={"emotion": row.dialogue_id[-1]}) for row in rows], FAMILIES, settings=settings
    )


def check_equal(stored: Measured, made: Measured) -> None:
    assert stored.turns == made.turns
    assert list(stored.about.items()) == list(made.about.items())
    assert list(stored.statistics) == list(made.statistics)
    for name, one in stored.statistics.items():
        other = made.statistics[name]
        assert np.array_equal(one.sums, other.sums) and np.array_equal(
            one.constant, other.constant, equal_nan=True
        )
        assert (one.n, one.support, one.estimator) == (other.n, other.support, other.estimator)


def test_every_statistic_comes_back_to_the_last_bit(result: ScoreResult, tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.json", result)
    stored = read_scores(tmp_path / "scores.json")
    assert stored is not None
    assert list(stored.metrics.items()) == list(result.metrics.items())
    check_equal(stored.measured, result.measured)
    parts = list(parts_of(result.sample, result.chosen))
    assert [(one.axis, one.part) for one in stored.parts] == [(one.axis, one.part) for one in parts]
    for one, other in zip(stored.parts, parts, strict=True):
        check_equal(one.measured, other.measured)
    assert (stored.labels, stored.details) == (result.labels, result.details)
    assert stored.resampling.resamples == 200


def test_a_column_that_metrics_share_is_stored_once(result: ScoreResult, tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.json", result)
    sums = read_json(tmp_path / "scores.json")["sums"]
    counts = {sums["statistics"][name]["columns"][1] for name in ("overlap/bleu_2", "length/words")}
    assert len(counts) == 1
    assert len(set(sums["columns"])) == len(sums["columns"])


def test_a_variant_that_does_not_apply_has_no_scores(tmp_path: Path) -> None:
    write_inapplicable(tmp_path / "scores.json", {"inapplicable": "served"})
    assert read_scores(tmp_path / "scores.json") is None


def test_scores_without_sums_are_refused(result: ScoreResult, tmp_path: Path) -> None:
    write_json(tmp_path / "old.json", {**result.to_dict(), "labels": []})
    with pytest.raises(InputError, match="has no sums over dialogues; `dvc repro evaluate`"):
        read_scores(tmp_path / "old.json")


def test_an_estimator_that_nobody_has_is_refused() -> None:
    with pytest.raises(InputError, match="'harmonic' is in no imported module"):
        named("harmonic")
