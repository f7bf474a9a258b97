"""The flow `collect`: candidates of one row, and the preference set once people have ranked them."""

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.deployments.flow_runs import run_deployment

from eva.artifacts import read_json
from eva.errors import InputError
from eva.settings.params_file import read_settings
from flows.stage import StageError


@flow(name="collect", persist_result=False)
def collect(row: str, push: bool = False) -> None:
    """Bring one row of `collect` up to date, and the sets of it whose ranking is there.

    Args:
        row: A row of `collect` in params.yaml.
        push: Push the outputs to the DVC remote.
    """
    settings = read_settings(Path("params.yaml"))
    if row not in settings.collect:
        raise InputError(f"{row!r} is not a row of `collect`. Known: {', '.join(settings.collect) or 'none'}")
    own = [(name, one) for name, one in settings.curate.items() if one.collection == row]
    ready = [name for name, one in own if one.ranking.suffix != ".jsonl" or one.ranking.is_file()]
    targets = [f"collect@{row}", *(f"curate@{name}" for name in ready)]
    get_run_logger().info("to do: %s", ", ".join(targets))
    run = run_deployment("pipeline/eva", parameters={"targets": targets, "push": push})
    if run.state is None or not run.state.is_completed():
        raise StageError(f"pipeline/eva did not complete for {', '.join(targets)}; its run says why")
    waiting = [str(one.ranking) for name, one in own if name not in ready]
    create_markdown_artifact(_told(row, waiting), key=f"collect-{row.replace('_', '-')}")


def _told(row: str, waiting: list[str]) -> str:
    """What was collected and what it cost, and which rankings are awaited."""
    counts = read_json(Path(f"metrics/collect/{row}.json"))
    lines = [f"| {name} | {value:,.6g} |" for name, value in counts.items()]
    todo = [f"- to be ranked by people: `{path}`" for path in waiting]
    return "\n".join([f"# Collection {row}", "", "| | |", "|---|---:|", *lines, "", *todo])
