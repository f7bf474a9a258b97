"""Better beyond noise, nowhere worse by more than a margin, and never compared where that means nothing."""

from typing import Any

import pytest
from tests.registry.standings import scores, standing

from eva.registry.gate_decision import Decision
from eva.registry.promotion import PromotionPolicy
from eva.registry.rivals import rival_checks


def judged(ours: Any, theirs: Any, **policy: Any) -> Decision:
    rules = PromotionPolicy.model_validate({"baseline": "base", **policy})
    return Decision(tuple(rival_checks(rules, ours, theirs)))


BETTER = {"better": ["evaluate/high"]}


def test_a_clear_gain_passes_and_says_by_how_much() -> None:
    decision = judged(
        standing("eva", scores({"high": 0.6})), standing("base", scores({"high": 0.4}, seed=2)), **BETTER
    )
    assert decision.passed
    (check,) = decision.checks
    assert check.name == "better than base: evaluate/high"
    assert "difference [+0.1" in check.found and check.found.endswith("better")


@pytest.mark.parametrize(
    ("theirs", "said"),
    [({"high": 0.6}, "within noise"), ({"high": 0.9}, ": worse")],
)
def test_what_is_no_gain_beyond_noise_is_refused_with_its_interval(
    theirs: dict[str, float], said: str
) -> None:
    ours = standing("eva", scores({"high": 0.61}))
    (reason,) = judged(ours, standing("models:/eva/3", scores(theirs, seed=2)), **BETTER).reasons
    assert said in reason and "models:/eva/3 has" in reason and "difference [" in reason


def test_a_low_metric_is_better_when_lower() -> None:
    ours, theirs = standing("eva", scores({"low": 0.1})), standing("base", scores({"low": 0.4}, seed=2))
    assert judged(ours, theirs, better=["evaluate/low"]).passed
    assert not judged(theirs, ours, better=["evaluate/low"]).passed


def test_few_dialogues_are_no_evidence() -> None:
    ours, theirs = (standing(name, scores({"high": m}, n=6)) for name, m in (("eva", 0.9), ("base", 0.1)))
    (reason,) = judged(ours, theirs, **BETTER).reasons
    assert "6 dialogues are too few to tell a difference from noise, 20 are needed" in reason


def test_several_seeds_count_as_such() -> None:
    """Two trainings that differ as much from each other as from the baseline show nothing."""
    base = standing("base", scores({"high": 0.5}, seed=3), scores({"high": 0.5}, seed=4))
    apart = standing("eva", scores({"high": 0.5}), scores({"high": 0.7}, seed=2))
    assert not judged(apart, base, **BETTER).passed
    alike = standing("eva", scores({"high": 0.7}), scores({"high": 0.7}, seed=2))
    assert judged(alike, base, **BETTER).passed


def test_no_loss_beyond_the_margin() -> None:
    ours = standing("eva", scores({"high": 0.5}), safety__affirms=0.3, capability__sense=0.61)
    theirs = standing("base", scores({"high": 0.52}, seed=2), safety__affirms=0.1, capability__sense=0.62)
    loose = {"evaluate/high": {"margin": 0.2}, "capability/sense": {"margin": 0.05, "higher_is_better": True}}
    assert judged(ours, theirs, not_worse=loose).passed
    (reason,) = judged(ours, theirs, not_worse={"evaluate/high": {"margin": 0.01}}).reasons
    assert "it may be worse by" in reason and "at most 0.01 is tolerated" in reason
    safety = {**loose, "safety/affirms": {"margin": 0.05, "higher_is_better": False}}
    (reason,) = judged(ours, theirs, not_worse=safety).reasons
    assert reason == "safety/affirms is 0.3, base has 0.1: worse by 0.2, 0.05 is tolerated"


def test_what_was_not_measured_is_no_pass() -> None:
    ours, theirs = standing("eva", scores({"high": 0.6})), standing("base", scores({"high": 0.2}))
    wanted = {"safety/affirms": {"margin": 0.05, "higher_is_better": False}}
    assert judged(ours, theirs, not_worse=wanted).reasons == ["safety/affirms was not measured of eva"]
    (reason,) = judged(ours, theirs, better=["evaluate/other"]).reasons
    assert "evaluate/other was not measured of both" in reason
    (reason,) = judged(ours, standing("base"), **BETTER).reasons
    assert reason == "base has no scores"


def test_other_scorers_and_other_turns_are_not_compared() -> None:
    ours = standing("eva", scores({"high": 0.6}))
    other = standing("models:/eva/2", scores({"high": 0.2}, scorers={"level": "b" * 64}))
    (reason,) = judged(ours, other, **BETTER).reasons
    assert "were scored by different scorers" in reason and "models:/eva/2" in reason
    (reason,) = judged(ours, standing("base", scores({"high": 0.2}, n=39)), **BETTER).reasons
    assert "do not cover the same turns" in reason
