"""Batches: few, complete, in order, and nothing after a failure."""

from flows.dag import StageNode
from flows.plan import Progress

DAG = (
    StageNode("prepare", "cpu", ()),
    StageNode("backbone", "cpu", ()),
    StageNode("validate", "cpu", ("prepare",)),
    StageNode("sft", "gpu", ("backbone", "validate")),
    StageNode("scorer", "gpu", ("backbone",)),
    StageNode("dpo", "gpu", ("sft",)),
    StageNode("report", "cpu", ("dpo", "scorer")),
)


def drive(progress: Progress, failing: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
    batches = []
    while batch := progress.next_batch("cpu") or progress.next_batch("gpu"):
        batches.append(batch)
        progress.finish(batch, set(batch) - failing)
    return batches


def test_consecutive_stages_of_a_pool_travel_together() -> None:
    batches = drive(Progress(DAG))

    assert batches == [("prepare", "backbone", "validate"), ("sft", "scorer", "dpo"), ("report",)]


def test_what_needs_a_failed_stage_is_never_handed_out() -> None:
    progress = Progress(DAG)

    batches = drive(progress, failing=frozenset({"validate"}))

    assert batches == [("prepare", "backbone", "validate"), ("scorer",)]
    assert progress.failed == {"validate"}
    assert progress.done == {"prepare", "backbone", "scorer"}


def test_a_batch_in_flight_is_not_handed_out_again() -> None:
    progress = Progress(DAG)

    assert progress.next_batch("cpu")
    assert progress.next_batch("cpu") == ()
    assert progress.next_batch("gpu") == ()


def test_upstream_outside_the_run_does_not_block() -> None:
    progress = Progress((StageNode("sft", "gpu", ("prepare",)),))

    assert progress.next_batch("gpu") == ("sft",)


def test_for_other_hosts_each_stage_goes_as_soon_as_it_can() -> None:
    progress = Progress(DAG)

    assert [node.name for node in progress.next_stages()] == ["prepare", "backbone"]
    assert progress.next_stages() == []
    progress.finish(("backbone",), {"backbone"})
    assert [node.name for node in progress.next_stages()] == ["scorer"]
    progress.finish(("prepare",), set())
    assert progress.next_stages() == []
