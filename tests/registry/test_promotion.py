import math
from pathlib import Path

import pytest

from eva.errors import InputError
from eva.registry.gate_decision import Decision
from eva.registry.promotion import read_policy, requirement_checks

TIMING = "evaluate/evaeval_sum_corrected/avg"
GOOD = {
    "dpo/accuracy_after": 0.75,
    "dpo/lora_b_moved": 8,
    TIMING: 0.02,
    "evaluate/overlap/rouge_l": 0.1,
    "evaluate/length/words": 20,
    "safety/crisis_sensitivity": 0.7,
    "safety/crisis_conversations": 0.2,
}


@pytest.fixture
def policy(root: Path) -> Path:
    return root / "mlflow" / "policy.yaml"


def gate(metrics: dict[str, float | None], policy: Path) -> Decision:
    return Decision(tuple(requirement_checks(read_policy(policy), metrics)))


def test_complete_good_metrics_pass(policy: Path) -> None:
    decision = gate({**GOOD}, policy)
    assert decision.passed and decision.reasons == []
    assert Decision.from_dict(decision.to_dict()) == decision


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dpo/accuracy_after": 0.5}, "dpo/accuracy_after is 0.5, must be above 0.5"),
        (
            {"evaluate/evaeval_sum_corrected/avg": math.nan},
            "evaluate/evaeval_sum_corrected/avg is nan, not a finite number",
        ),
        (
            {"evaluate/evaeval_sum_corrected/avg": math.inf},
            "evaluate/evaeval_sum_corrected/avg is inf, not a finite number",
        ),
        ({"evaluate/overlap/rouge_l": None}, "evaluate/overlap/rouge_l was not measured"),
    ],
)
def test_each_fault_refuses_the_model_and_is_named(
    policy: Path, change: dict[str, float | None], reason: str
) -> None:
    decision = gate({**GOOD, **change}, policy)
    assert not decision.passed and decision.reasons == [reason]


def test_nothing_measured_names_everything(policy: Path) -> None:
    assert len(gate({}, policy).reasons) == len(GOOD)


def test_every_kind_of_limit(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("{baseline: b, requires: {x: {at_least: 1, at_most: 2}, y: {below: 3}}}")
    assert gate({"x": 1, "y": 2.9}, path).passed and gate({"x": 2, "y": 0}, path).passed
    assert gate({"x": 3, "y": 3}, path).reasons == ["x is 3, must be at most 2", "y is 3, must be below 3"]
    assert gate({"x": 0, "y": 0}, path).reasons == ["x is 0, must be at least 1"]


def test_no_check_is_no_pass() -> None:
    assert not Decision(()).passed


def test_bad_policy_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    with pytest.raises(InputError, match="no such file"):
        read_policy(path)
    path.write_text("{baseline: b, requires: {x: {over: 1}}, colour: 3}")
    with pytest.raises(InputError, match=r"2 problems(.|\n)*requires\.x\.over(.|\n)*colour"):
        read_policy(path)
    path.write_text("requires: {")
    with pytest.raises(InputError, match="not valid YAML"):
        read_policy(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{baseline: base, better: [safety/x]}", "safety/x has no values by dialogue"),
        ("{baseline: base, not_worse: {safety/x: {margin: 1}}}", "say `higher_is_better: true` or `false`"),
        (
            "{baseline: b, better: [evaluate/x], not_worse: {evaluate/x: {margin: 1}}}",
            "and in `not_worse`",
        ),
        ("{requires: {}}", "baseline: Field required"),
        ("{baseline: base, champion: anyone}", "Input should be 'approval' or 'gate'"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_policy(path)
