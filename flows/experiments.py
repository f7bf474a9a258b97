"""The flows `ablations` and `sweep`: several sets of settings, each a DVC experiment, compared at the end."""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.runtime import flow_run
from pydantic import Field

from eva.errors import InputError, raise_if
from eva.settings.matrix_section import Matrix
from flows import comparison, parents, workspaces
from flows.dag import read_dag
from flows.endings import plain
from flows.parameter_sets import NamedChanges, ParameterSet, changes, experiment_name, grid, label
from flows.pipeline import Retries, Targets, pipeline
from flows.stage import StageError

# The grid of the paper's Appendix G, over which it chose the settings of empathy acquisition.
BATCHES, RATES, ACCUMULATIONS, EPOCHS = [2, 4, 8], [2e-5, 5e-6, 1e-6], [1, 2, 4], [1, 3, 6, 9]
Whole = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
Rates = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]


@dataclass
class Experiment:
    """A set of changed settings, the copy of the checkout in which it runs, and what came of it."""

    name: str
    changed: dict[str, Any]
    folder: Path
    parent: str | None = None
    numbers: comparison.Numbers = field(default_factory=dict)
    error: str | None = None


def _count() -> str:
    return f"{len(flow_run.parameters['sets'])} experiments"


@flow(name="ablations", flow_run_name=_count, persist_result=False)
@plain
async def ablations(
    sets: Annotated[list[ParameterSet], Field(min_length=1)],
    targets: Targets = [],  # noqa: B006 - Prefect shows the default in its form
    retries: Retries = 0,
) -> None:
    """Run the DAG once for each set of changed settings, and compare the results.

    Each set is a DVC experiment (`dvc exp show`) with an MLflow run of its own; what none changes runs once.

    Args:
        sets: The experiments, each with what it changes in `params.yaml`.
        targets: Stages or groups of stages to run, with all their dependencies; empty: the whole DAG.
        retries: How often a failed stage is tried again; training resumes where it stopped.
    """
    await _run_all(sets, targets, retries)


@flow(name="sweep", flow_run_name="sweep of {section}", persist_result=False)
@plain
async def sweep(
    section: Literal["sft", "dpo"] = "sft",
    batch_sizes: Whole = BATCHES,
    learning_rates: Rates = RATES,
    accumulations: Whole = ACCUMULATIONS,
    epochs: Whole = EPOCHS,
    targets: Targets = ["sft"],  # noqa: B006
    retries: Retries = 0,
) -> None:
    """Try every combination of values for a training; by default the grid of the paper's Appendix G.

    Args:
        section: The training whose settings change.
        batch_sizes: Values of `batch_size`.
        learning_rates: Values of `lr`.
        accumulations: Values of `accumulation`.
        epochs: Values of `epochs`.
        targets: Stages or groups of stages to run, with all their dependencies; empty: the whole DAG.
        retries: How often a failed stage is tried again; training resumes where it stopped.
    """
    axes: dict[str, list[Any]] = {
        "batch_size": batch_sizes,
        "lr": learning_rates,
        "accumulation": accumulations,
        "epochs": epochs,
    }
    await _run_all(grid(section, axes), targets, retries)


async def _run_all(sets: Sequence[NamedChanges], targets: list[str], retries: int) -> None:
    """Run the experiments one after another: the first runs what they share, the others restore it."""
    root, log = Path.cwd(), get_run_logger()
    experiments = await asyncio.to_thread(_prepare, root, sets, targets)
    for number, experiment in enumerate(experiments, start=1):
        log.info("experiment %d of %d: %s", number, len(experiments), label(experiment.changed))
        await _run(root, experiment, targets, retries)
    await _publish(experiments)
    if failed := [f"{one.name}: {one.error}" for one in experiments if one.error]:
        raise StageError("\n\n".join(failed))


def _prepare(root: Path, sets: Sequence[NamedChanges], targets: list[str]) -> list[Experiment]:
    """A copy of the checkout for each set; all that is wrong with any of them is told before one runs."""
    names = [experiment_name(one) for one in sets]
    raise_if((f"{name} is there twice" for name in sorted({n for n in names if names.count(n) > 1})), "sets")
    experiments, problems = [], list[str]()
    for name, one in zip(names, sets, strict=True):
        try:
            folder = workspaces.create(root, name, changes(one))
            experiments.append(Experiment(name, changes(one), folder))
        except InputError as error:
            problems += error.problems
    problems += _unknown(experiments, targets)
    if problems:
        for experiment in experiments:
            shutil.rmtree(experiment.folder)
    raise_if(problems, "sets")
    return experiments


def _unknown(experiments: list[Experiment], targets: list[str]) -> list[str]:
    """The targets that are no stages; only the settings of `matrix` change which stages there are."""
    problems = list[str]()
    axes = [f"matrix.{key}" for key in Matrix.model_fields]
    by_axes = {str([one.changed.get(axis) for axis in axes]): one for one in experiments}
    for experiment in by_axes.values() if targets else ():
        try:
            read_dag(experiment.folder, targets)
        except InputError as error:
            problems += error.problems
    return list(dict.fromkeys(problems))


async def _run(root: Path, experiment: Experiment, targets: list[str], retries: int) -> None:
    experiment.parent = await asyncio.to_thread(
        parents.open_parent, root, experiment.name, experiment.changed
    )
    single = pipeline.with_options(flow_run_name=label(experiment.changed))
    with chdir(experiment.folder):
        state = await single(
            targets=targets, retries=retries, parent_run_id=experiment.parent, return_state=True
        )
        experiment.numbers = comparison.read_numbers(Path()) or comparison.read_trainings(Path())
    ended = (root, experiment.parent, experiment.numbers, state.is_completed())
    await asyncio.to_thread(parents.close_parent, *ended)
    if not state.is_completed():
        experiment.error = f"{state.message}\n(its files are in {experiment.folder})"
        return
    try:
        ran = [node.name for node in read_dag(experiment.folder, targets)] if targets else []
        await asyncio.to_thread(workspaces.save, root, experiment.folder, experiment.name, ran)
    except InputError as error:  # the other experiments go on
        experiment.error = str(error)


async def _publish(experiments: list[Experiment]) -> None:
    """The artifact `ablations`: the numbers of all experiments beside each other."""
    numbers = {(one.name, *row): values for one in experiments for row, values in one.numbers.items()}
    pages = {one.name: comparison.run_page(one.parent) for one in experiments if one.parent}
    links = {row: page for row in numbers if (page := pages.get(row[0]))}
    failed = [f"- `{one.name}` failed" for one in experiments if one.error]
    text = "\n".join([*comparison.compare(numbers, links), "", *failed])
    await acreate_markdown_artifact(text, "ablations", "The experiments beside each other")
