"""A run that is lost, or taken for lost: when it is given up, when it goes on, and when it ends itself."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from flows import batches, lost_runs, waiting, watch
from flows.stage import StageError
from flows.summary import StageRow
from prefect.client.schemas.objects import State
from prefect.states import Cancelling, Completed, Crashed, Running

RUN = UUID(int=1)


@dataclass
class Run:
    state: State[Any]
    id: UUID = RUN
    name: str = "gpu: sft"
    work_queue_name: str = "default"


@dataclass
class Server:
    """Answers with one state after the other; an exception is an outage."""

    answers: list[Any]
    written: list[State[Any]] = field(default_factory=list)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        return

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    def next(self) -> Run:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Run(answer)


class Later(Server):
    async def read_flow_run(self, _run: UUID) -> Run:
        return self.next()

    async def set_flow_run_state(self, _run: UUID, state: State[Any], force: bool) -> None:
        self.written.append(state)
        self.answers = [state]


class Now(Server):
    def read_flow_run(self, _run: UUID) -> Run:
        return self.next()

    def set_flow_run_state(self, _run: UUID, state: State[Any], force: bool) -> None:
        self.written.append(state)

    def read_flow_runs(self, **_: Any) -> list[Run]:
        return list(self.answers)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_SECONDS", "AWAY_SECONDS", "OBJECTION_SECONDS"):
        monkeypatch.setattr(waiting, name, 0.0)
    monkeypatch.setattr(waiting, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(watch, "CANCEL_SECONDS", 0.0)


def await_end(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> tuple[State[Any], Server]:
    server = Later(list(answers))
    monkeypatch.setattr(waiting, "get_client", lambda: server)
    return asyncio.run(waiting.ended(RUN)).state, server


def test_a_server_that_is_away_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outage = httpx.ConnectError("refused")

    state, _ = await_end(monkeypatch, Running(), outage, outage, outage, Running(), Completed())

    assert state.is_completed()
    assert caplog.text.count("server is away") == 1


def test_a_crashed_run_that_objects_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    state, server = await_end(monkeypatch, Crashed(), Running(), Running(), Completed())

    assert state.is_completed()
    assert not server.written


def test_a_lost_run_is_settled_before_another_one_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    state, _ = await_end(monkeypatch, Running(), Crashed(message="no heartbeat"))

    assert (state.name, state.message) == (watch.REPLACED, "no heartbeat")


def test_outputs_that_cannot_be_had_fail_their_stage_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise StageError("`dvc pull` failed")

    monkeypatch.setattr(batches, "merge_entries", lambda *_: None)
    monkeypatch.setattr(batches, "pull", refuse)
    rows = [StageRow("sft", "gpu", "Ran", 1.0, entry={"cmd": "x"}), StageRow("dpo", "gpu", "Not run", 0.0)]

    taken = batches._take_back(rows, logging.getLogger("test"))

    assert [(row.outcome, row.message) for row in taken] == [
        ("Failed", "`dvc pull` failed"),
        ("Not run", ""),
    ]


@pytest.fixture
def stopped() -> Iterator[list[bool]]:
    yield []


def look(monkeypatch: pytest.MonkeyPatch, stopped: list[bool], *answers: Any) -> Server:
    server = Now(list(answers))
    monkeypatch.setattr(watch, "get_client", lambda **_: server)
    watcher = watch.Watch(RUN, lambda: stopped.append(True), logging.getLogger("test"))
    with watcher:
        watcher._thread.join(timeout=10)
    assert not watcher._thread.is_alive()
    return server


@pytest.mark.parametrize("ended", [Crashed(), Crashed(name=watch.REPLACED), Completed()])
def test_a_run_that_was_ended_ends_its_stages(
    monkeypatch: pytest.MonkeyPatch, stopped: list[bool], ended: State[Any]
) -> None:
    """Also after SIGSTOP for longer than the heartbeat: the process goes on and finds its run crashed."""
    server = look(monkeypatch, stopped, Running(), ended)

    assert stopped == [True]
    assert not server.written


def test_a_run_taken_for_lost_while_the_server_was_away_goes_on(
    monkeypatch: pytest.MonkeyPatch, stopped: list[bool]
) -> None:
    outage = httpx.ConnectError("refused")

    server = look(monkeypatch, stopped, Running(), outage, Crashed(), Crashed(name=watch.REPLACED))

    assert [state.is_running() for state in server.written] == [True]
    assert stopped == [True]  # only once another run had its stages


def test_a_cancelled_run_without_a_worker_ends_itself(
    monkeypatch: pytest.MonkeyPatch, stopped: list[bool]
) -> None:
    server = look(monkeypatch, stopped, Running(), Cancelling())

    assert stopped == [True]
    assert [state.is_cancelled() for state in server.written] == [True]


def test_only_runs_of_this_checkout_without_a_process_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, gone, elsewhere = Run(Running(), UUID(int=2)), Run(Running(), UUID(int=3), "gone"), Run(Running())
    elsewhere.work_queue_name = "constraints-1"
    server = Now([alive, gone, elsewhere])
    monkeypatch.setattr(lost_runs, "get_client", lambda **_: server)
    monkeypatch.setattr(lost_runs, "_runs_of_processes", lambda: {str(alive.id)})

    assert lost_runs.reconcile(("default", "checkout")) == ["gone"]
    assert [state.is_crashed() for state in server.written] == [True]


def test_stages_of_a_lost_run_are_given_away_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[tuple[str, ...]] = []

    async def attempt(pool: str, batch: tuple[str, ...], *_: Any) -> tuple[bool, list[StageRow]]:
        attempts.append(batch)
        done = [StageRow("sft", pool, "Ran", 1.0)] if len(attempts) == 1 else []
        return True, [*done, StageRow("dpo", pool, "Failed", 0.0, "lost")]

    monkeypatch.setattr(batches, "_attempt", attempt)
    monkeypatch.setattr(batches, "get_run_logger", lambda: logging.getLogger("test"))

    rows = asyncio.run(batches.run_batch("gpu", ("sft", "dpo"), {}, None))

    assert attempts == [("sft", "dpo"), ("dpo",)]
    assert [(row.stage, row.outcome) for row in rows] == [("sft", "Ran"), ("dpo", "Failed")]
