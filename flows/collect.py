"""The flow `collect`: candidates of one row, and the preference sets whose ranking is there."""

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.deployments.flow_runs import run_deployment

from eva.artifacts import read_json
from eva.errors import InputError
from eva.settings.params_file import Settings, read_settings
from flows.endings import plain
from flows.stage import StageError


@flow(name="collect", flow_run_name="collect {row}", persist_result=False)
@plain
def collect(row: str, push: bool = False) -> None:
    """Bring one row of `collect` up to date, and the sets made of it whose ranking is there.

    Args:
        row: A row of `collect` in params.yaml.
        push: Push the outputs to the DVC remote.
    """
    targets, awaited = plan(read_settings(Path("params.yaml")), row)
    get_run_logger().info("to do: %s", ", ".join(targets))
    run = run_deployment("pipeline/eva", parameters={"targets": targets, "push": push})
    if run.state is None or not run.state.is_completed():
        raise StageError(f"pipeline/eva did not complete for {', '.join(targets)}; its run says why")
    counts = read_json(Path(f"metrics/collect/{row}.json"))
    create_markdown_artifact(report(row, counts, awaited), key=f"collect-{row.replace('_', '-')}")


def plan(settings: Settings, row: str) -> tuple[list[str], list[Path]]:
    """The stages to run for a row of `collect`, and the rankings by people that are not there yet.

    Raises:
        InputError: there is no such row.
    """
    if row not in settings.collect:
        raise InputError(f"{row!r} is not a row of `collect`. Known: {', '.join(settings.collect) or 'none'}")
    own = {name: one.ranking for name, one in settings.curate.items() if one.collection == row}
    awaited = {name: path for name, path in own.items() if path.suffix == ".jsonl" and not path.is_file()}
    ready = [f"curate@{name}" for name in own if name not in awaited]
    return [f"collect@{row}", *ready], list(awaited.values())


def report(row: str, counts: dict[str, float], awaited: list[Path]) -> str:
    """Markdown with what was collected, what it cost, and which rankings are awaited."""
    lines = [f"| {name} | {value:,.6g} |" for name, value in counts.items()]
    todo = [f"- awaits the ranking by people in `{path}`" for path in awaited]
    return "\n".join([f"# Collection {row}", "", "| | |", "|---|---:|", *lines, "", *todo])
