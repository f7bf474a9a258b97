"""Differences and their errors, from results in lm-eval's layout written by hand."""

import math
from typing import Any

import pytest

from eva.capability.differences import Score, differences


def _task(acc: list[float], perplexity: float) -> dict[str, Any]:
    error = math.sqrt(sum((a - sum(acc) / len(acc)) ** 2 for a in acc) / (len(acc) - 1) / len(acc))
    return {
        "row": {
            "name": "sense",
            "alias": "sense",
            "sample_len": len(acc),
            "acc,none": sum(acc) / len(acc),
            "acc_stderr,none": error,
            "word_perplexity,none": perplexity,
            "word_perplexity_stderr,none": 0.3,
            "odd,none": math.nan,
            "odd_stderr,none": "N/A",
            "match,strict": acc[0],
            "match_stderr,strict": "N/A",
            "match,loose": acc[1],
            "match_stderr,loose": "N/A",
        },
        "samples": [
            {"filter": "none", "acc": value, "word_perplexity": (-4.0, 7), "odd": "x"} for value in acc
        ],
    }


def _results(acc: list[float], perplexity: float, others: list[float]) -> dict[str, Any]:
    sense, other = _task(acc, perplexity), _task(others, perplexity)
    pooled = [*acc, *others]
    return {
        "results": {
            "sense": sense["row"],
            "other": other["row"],
            "both": {
                "sample_len": len(pooled),
                "acc,none": sum(pooled) / len(pooled),
                "acc_stderr,none": 0.1,
            },
        },
        "samples": {"sense": sense["samples"], "other": other["samples"]},
        "group_subtasks": {"both": ["sense", "other"]},
        "higher_is_better": {"sense": {"acc": True, "word_perplexity": False}, "both": {"acc": True}},
    }


BEFORE = _results([1, 0, 0, 1], 9.0, [0, 0, 1])
AFTER = _results([1, 1, 0, 1], 8.5, [0, 1, 1])


def scored(task: str) -> dict[str, Score]:
    return dict(differences(task, BEFORE, AFTER))


def test_a_mean_over_documents_is_paired() -> None:
    """Changes 0, 1, 0, 0: mean 1/4, standard deviation 1/2, over four documents."""
    found = scored("sense")["sense/acc"]
    assert (found.before, found.after, found.difference, found.n) == (0.5, 0.75, 0.25, 4)
    assert found.paired and found.higher_is_better is True
    assert found.stderr == pytest.approx(0.5 / 2)


def test_a_group_is_paired_over_the_documents_of_its_members() -> None:
    found = scored("both")["both/acc"]
    assert found.difference == pytest.approx(2 / 7)
    assert found.stderr == pytest.approx(math.sqrt((2 - 4 / 7) / 6 / 7))
    assert found.paired


def test_a_metric_that_is_no_mean_has_the_error_of_independent_runs() -> None:
    found = scored("sense")["sense/word_perplexity"]
    assert found.difference == -0.5 and found.higher_is_better is False
    assert not found.paired
    assert found.stderr == pytest.approx(0.3 * math.sqrt(2))


def test_several_filters_keep_their_names_and_what_has_no_error_says_so() -> None:
    found = scored("sense")
    assert {"sense/match/strict", "sense/match/loose"} <= set(found)
    assert found["sense/match/strict"].stderr is None


def test_what_is_no_number_is_left_out() -> None:
    assert "sense/odd" not in scored("sense")
