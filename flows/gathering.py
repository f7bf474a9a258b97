"""One training on several workers of a pool.

The flow run of the stage is the first host: it runs the stage, which records the training and whose outputs
it pushes. When the stage begins to train, it starts one run for each other host, which only runs training
processes. All hosts see one checkpoint store, at the same path. If one host fails, all end.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.flow_runs import run_deployment
from prefect.runtime import flow_run
from prefect.states import Cancelling
from pydantic import BaseModel

from eva.artifacts import read_json
from eva.meeting import Meeting
from flows.dag import StageNode
from flows.handover import Handover
from flows.stage import OUTPUTS, Children, StageError
from flows.waiting import OBJECTION_SECONDS

ADDRESS = "EVA_HOST_ADDRESS"  # at which other hosts find this one, if it is not the one that Prefect sees
ARRIVAL_SECONDS = 600.0  # that a worker has to take the run of a further host
LOOK_SECONDS = 2.0


class Share(BaseModel):
    """For a further host: the words to run after `python`, the GPUs, and the run of the first host."""

    words: list[str]
    gpus: int
    first: UUID


class Tie:
    """Looks at other flow runs until closed; calls `end` once one will not go on: `fault` says why."""

    def __init__(self, runs: Callable[[], Iterable[UUID]], end: Callable[[], None]) -> None:
        self.fault: str | None = None
        self._runs, self._end = runs, end
        self._closed, self._begun = threading.Event(), dict[UUID, float]()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="tie")

    def __enter__(self) -> "Tie":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            with suppress(httpx.HTTPError):  # the server is away; the training goes on
                self.fault = next(filter(None, map(self._fault_of, self._runs())), None)
            if self.fault:
                self._end()
                break

    def _fault_of(self, run: UUID) -> str | None:
        found = _read(run)
        if found.state and found.state.is_crashed():  # it may object, see `flows.watch`
            self._closed.wait(OBJECTION_SECONDS)
            found = _read(run)
        state, begun = found.state, self._begun.setdefault(run, time.monotonic())
        if state and state.is_final() and not state.is_completed():
            return f"{found.name} is {state.name}, so all hosts of this training end: {state.message or ''}"
        waits = state is None or state.is_scheduled() or state.is_pending()
        if waits and time.monotonic() - begun > ARRIVAL_SECONDS:
            return f"no worker has taken {found.name} for {ARRIVAL_SECONDS:.0f} s: too few are free"
        return None


@dataclass
class Others:
    """The runs of a training's other hosts, by number; they start when the stage has left their commands."""

    node: StageNode
    hosts: int
    handover: Handover
    commands: Path
    runs: dict[int, UUID] = field(default_factory=dict)

    def started(self) -> list[UUID]:
        """The runs, started if they are not yet and can be."""
        told = read_json(self.commands) if self.commands.is_file() else []
        for number, words in enumerate(told, start=2):
            if number not in self.runs:
                self.runs[number] = self._start(number, words)
        return list(self.runs.values())

    def _start(self, number: int, words: list[str]) -> UUID:
        share = Share(words=words, gpus=self.node.gpus // self.hosts, first=UUID(str(flow_run.id)))
        submitted: Any = run_deployment(
            f"run-stages/{self.node.pool}",
            flow_run_name=f"{self.node.pool}: {self.node.name}, host {number} of {self.hosts}",
            timeout=0,
            as_subflow=False,
            parameters={
                "stages": [self.node.name],
                "handover": self.handover.model_dump(),
                "share": share.model_dump(mode="json"),
            },
            work_queue_name=self.handover.queue,
            job_variables=self.handover.job_variables,
        )
        return UUID(str(submitted.id))

    def dismiss(self) -> None:
        """Cancel what has not ended. If the server is away, the runs end with that of the first host."""
        for run in self.runs.values():
            with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
                if (state := client.read_flow_run(run).state) and not state.is_final():
                    client.set_flow_run_state(run, Cancelling(message="the first host's stage ended"))


@contextmanager
def gathered(
    node: StageNode, hosts: int, handover: Handover | None, children: Children
) -> Iterator[dict[str, str]]:
    """The variables for a stage that trains on so many hosts; the others are started meanwhile.

    Raises:
        StageError: another host failed, or no worker took its run; the stage was ended.
    """
    if hosts == 1 or handover is None:
        yield {}
        return
    OUTPUTS.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=OUTPUTS.absolute()) as folder:
        meeting = Meeting(hosts, _own_address(), f"{folder}/commands.json")
        others = Others(node, hosts, handover, Path(meeting.commands))
        with Tie(others.started, children.interrupt) as tie:
            try:
                yield meeting.variables
            except StageError as error:
                others.dismiss()
                raise StageError("\n".join(filter(None, [tie.fault, str(error)]))) from error


def _own_address() -> str:
    """This host's address, as the way to Prefect's server shows it (nothing is sent), and a free port."""
    server = urlsplit(os.environ["PREFECT_API_URL"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((server.hostname or "127.0.0.1", server.port or 80))
        address = os.environ.get(ADDRESS) or probe.getsockname()[0]
    with socket.socket() as free:
        free.bind(("", 0))
        return f"{address}:{free.getsockname()[1]}"


def join(share: Share, environment: Mapping[str, str], children: Children, log: Any) -> None:
    """Run this host's processes of a training to their end.

    Raises:
        StageError: they failed, the first host's run ended without success, or its files are not seen here.
    """
    absent = [word for word in share.words if word.startswith("/") and not Path(word).exists()]
    if absent:
        raise StageError(
            f"{absent[0]} of the first host is not on this one: hosts of one training share the checkpoint "
            "store; start each worker with EVA_CHECKPOINTS set to one folder that all of them see"
        )
    with Tie(lambda: [share.first], children.stop) as tie:
        run = children.run(share.words[2:], environment, log.info, module=share.words[1])
    if run.code != 0:
        raise StageError(
            "\n".join(filter(None, [tie.fault, "the training processes of this host failed:", *run.tail]))
        )


def _read(run: UUID) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)
