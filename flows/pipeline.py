"""The flows: `pipeline` decides the order of the stages, `run-stages` runs them on their work pool."""

import asyncio
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from eva.errors import raise_if
from flows import graph, live, offending, reports
from flows.batches import run_batch, stop_batches
from flows.dag import StageNode, read_dag
from flows.endings import plain
from flows.environment import stage_environment
from flows.gathering import Share, gathered, join
from flows.handover import Handover, read_entry, replay_record, unpack
from flows.hosts import hosts_for
from flows.inputs import bring
from flows.lease import leased
from flows.names import pipeline_name
from flows.notifications import tell_gate
from flows.once import one_host
from flows.plan import Progress
from flows.preloaded import preloaded
from flows.registration import STAGE, push_model
from flows.stage import Children, StageError, push_outs, reproduce
from flows.submission import accept
from flows.summary import StageRow, publish
from flows.tracked import pipeline_run, publish_link
from flows.watch import Watch

PACKAGE = Path("registry")  # what stage `register` writes

Targets = list[Annotated[str, Field(pattern=r"^[\w.:/@-]+$")]]
Retries = Annotated[int, Field(ge=0, le=3)]
AtOnce = Annotated[int, Field(ge=1)]
Hosts = Annotated[int, Field(ge=1)]


@flow(
    name="pipeline",
    flow_run_name=pipeline_name,
    persist_result=False,
    on_cancellation=[stop_batches, graph.close],
    on_crashed=[stop_batches, graph.close],
    on_failure=[stop_batches, graph.close],
)
@plain
async def pipeline(
    targets: Targets = [],  # noqa: B006 - Prefect shows the default in its form
    force: bool = False,
    push: bool = False,
    retries: Retries = 0,
    parent_run_id: str | None = None,
    hosts: Hosts = 1,
) -> None:
    """Bring the DAG of `dvc.yaml` up to date; each stage runs once, on its work pool.

    If `register` is among the stages, its model is put into the registry at the end.

    Args:
        targets: Stages or groups of stages to run, with all their dependencies; empty: the whole DAG.
        force: Run the targets even if nothing changed; without targets, all stages.
        push: Push the outputs of every stage to the DVC remote.
        retries: How often a failed stage is tried again; training resumes where it stopped.
        parent_run_id: MLflow run under which the stages are recorded; empty: found or created by them.
        hosts: On how many workers of its pool a training with `launcher: torchrun` runs at once.
    """
    nodes, handover = await accept(targets, push, hosts)
    progress = Progress(nodes)
    get_run_logger().info("%d stages on pools %s", len(nodes), ", ".join(progress.pools))
    forced = [node.name for node in nodes if force and (not targets or node.is_named_by(targets))]
    options = {"force": forced, "push": push, "retries": retries, "parent_run_id": parent_run_id}
    options["hosts"] = hosts
    await graph.draw(nodes)
    async with live.published():
        with nullcontext() if handover else preloaded():
            rows = await _drive(progress, options, handover)
        await graph.settle(rows)
    if handover:
        await asyncio.to_thread(replay_record, Path.cwd(), get_run_logger())
    await publish(nodes, rows, Path.cwd())
    await publish_link()
    if any(row.stage == STAGE and row.outcome == "Ran" for row in rows):
        tell_gate(PACKAGE)
    if progress.failed:
        raise StageError("\n\n".join(row.message for row in rows if row.outcome == "Failed"))
    if any(node.name == STAGE for node in nodes):
        push_model(stage_environment(parent_run_id))


async def _drive(progress: Progress, options: dict[str, Any], handover: Handover | None) -> list[StageRow]:
    """Run one batch at a time on each pool until no stage is left that can run."""
    rows: list[StageRow] = []
    running: dict[asyncio.Task[list[StageRow]], tuple[str, tuple[str, ...]]] = {}
    while True:
        busy = {pool for pool, _ in running.values()}
        for pool, batch in _next(progress, busy, single=handover is not None):
            running[asyncio.create_task(run_batch(pool, batch, options, handover))] = (pool, batch)
        if not running:
            return rows
        ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for finished in ended:
            _, batch = running.pop(finished)
            progress.finish(batch, {row.stage for row in finished.result() if row.completed})
            rows.extend(finished.result())


def _next(progress: Progress, busy: set[str], *, single: bool) -> list[tuple[str, tuple[str, ...]]]:
    """What to submit: a batch to each pool that has none, or, for other hosts, every stage that can run."""
    if single:
        return [(node.pool, (node.name,)) for node in progress.next_stages()]
    batches = [(pool, progress.next_batch(pool)) for pool in progress.pools if pool not in busy]
    return [(pool, batch) for pool, batch in batches if batch]


@flow(name="run-stages", persist_result=False)
@plain
def run_stages(
    stages: Targets,
    at_once: AtOnce = 1,
    force: Targets = [],  # noqa: B006
    push: bool = False,
    retries: Retries = 0,
    parent_run_id: str | None = None,
    hosts: Hosts = 1,
    handover: Handover | None = None,
    share: Share | None = None,
) -> State[Any] | None:
    """Run stages of one pool with DVC, in the order of the DAG; stages after a failed one do not run.

    Args:
        stages: Stages to run, each once; their other dependencies must be up to date.
        at_once: How many of them may run at the same time.
        force: Stages to run even if nothing changed.
        push: Push the outputs of every stage to the DVC remote.
        retries: How often a failed stage is tried again; training resumes where it stopped.
        parent_run_id: MLflow run under which the stages are recorded; empty: found or created by them.
        hosts: On how many workers of this pool a training with `launcher: torchrun` runs, this one included.
        handover: Given by `pipeline` if the stages run outside its checkout.
        share: Given by the run of a stage that other hosts share, to the runs on these.
    """
    if handover:
        unpack(Path.cwd(), handover.lock)
    else:
        os.chdir(os.environ.get("EVA_CHECKOUT", "."))  # an experiment works in a copy of the checkout
    nodes = [node for node in read_dag(Path.cwd(), stages) if node.name in set(stages)]
    _require_own_pool(nodes)
    environment = stage_environment(parent_run_id, pipeline_run())
    if share:
        _share(nodes[0], share, environment)
        return None
    options = {"push": push, "environment": environment, "handover": handover, "hosts": hosts}
    states = _run_in_order(nodes, at_once, retries, set(force), options)
    if cancelled := [state for state in states if state.is_cancelled()]:
        return cancelled[0]  # else this run's end would be that of its stages, which failed
    if failed := [str(state.message) for state in states if state.is_failed() or state.is_crashed()]:
        raise StageError("\n\n".join(failed))
    return None


def _share(node: StageNode, share: Share, environment: dict[str, str]) -> None:
    """Be a further host of the training that another run's stage is."""
    children, log = Children(), get_run_logger()
    with children, Watch(UUID(str(flow_run.id)), children.stop, log):
        bring(Path.cwd(), node.name, environment, children, log)
        with leased(share.gpus, log.info, children.pause) as gpus:
            join(share, {**environment, **gpus}, children, log)


def _run_in_order(
    nodes: list[StageNode], at_once: int, retries: int, forced: set[str], options: dict[str, Any]
) -> list[State[Any]]:
    futures: dict[str, Any] = {}
    children = Children()
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=at_once)
    watch = Watch(UUID(str(flow_run.id)), children.stop, get_run_logger())
    # if cancelled, ends the processes first, then the threads that read their output
    with runner, children, watch:
        for node in nodes:
            before = [futures[name] for name in node.upstream if name in futures]
            own = {"stage": node.name, "node": node, "force": node.name in forced, "children": children}
            parameters = {**own, **options}
            single = run_stage.with_options(retries=max(retries, node.retries), retry_delay_seconds=5)
            futures[node.name] = runner.submit(single, parameters=parameters, wait_for=before)
        for future in futures.values():
            future.wait()
    if watch.cancelled:
        return [Cancelled()]
    return [future.state for future in futures.values()]


def _require_own_pool(nodes: list[StageNode]) -> None:
    context = FlowRunContext.get()
    here = context.flow_run.work_pool_name if context and context.flow_run else None
    if here:
        wrong = [f"stage {node.name} has pool {node.pool}" for node in nodes if node.pool != here]
        raise_if(wrong, f"run-stages on pool {here}")


@task(name="stage", task_run_name="{stage}", cache_policy=NO_CACHE, persist_result=False)
def run_stage(
    stage: str,
    node: StageNode,
    force: bool,
    push: bool,
    environment: dict[str, str],
    handover: Handover | None,
    hosts: int,
    children: Children,
) -> State[Any]:
    """Run one stage; the name of the returned state says what DVC did (`Ran`, `Cached`, `Unchanged`).

    With a hand-over it is not in the checkout of the pipeline: inputs and outputs go through the DVC remote.
    """
    started, elsewhere = time.monotonic(), handover is not None
    hosts = hosts_for(stage, hosts, Path.cwd()) if elsewhere else 1
    with graph.shown(stage, get_run_logger()) as shown:
        try:
            if elsewhere:
                bring(Path.cwd(), stage, environment, children, shown.log)
            once = one_host(Path.cwd(), stage, shown.log) if elsewhere else nullcontext()
            with once, leased(node.gpus // hosts, shown.log.info, children.pause) as gpus:
                with gathered(node, hosts, handover, children) as meeting:
                    outcome = reproduce(
                        stage, force=force, environment={**environment, **gpus, **meeting}, children=children,
                        log=shown.log, silence=node.silence,
                    )  # fmt: skip
                if push or elsewhere:
                    push_outs(stage, environment, children, shown.log)
        except StageError:
            offending.publish(stage)
            raise
        seconds, entry = time.monotonic() - started, read_entry(Path.cwd(), stage)
        reports.send(reports.Report(stage=stage, outcome=outcome, seconds=seconds, entry=entry))
        shown.outcome = outcome
    return Completed(name=outcome, message=f"dvc: {outcome.lower()}")
