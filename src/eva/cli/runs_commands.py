"""`eva runs`: list and compare recorded runs, and write them into MLflow."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eva.cli.wide_table import print_table
from eva.counts import count

if TYPE_CHECKING:
    from eva.record import Record
    from eva.record.comparison import Difference

app = typer.Typer(no_args_is_help=True, help="Recorded runs and MLflow.")


@app.command(name="list")
def list_runs() -> None:
    """List the recorded pipeline runs, the latest last."""
    from eva.record.known_runs import all_records, pipeline_runs

    rows = [_line(stages) for stages in pipeline_runs(all_records(Path.cwd())).values()]
    print_table(["pipeline run", "started (UTC)", "stages", "status", "differs from its profile in"], rows)


def _line(stages: list["Record"]) -> list[str]:
    latest = {record.name: record.status for record in stages}
    worst = next((one for one in ("FAILED", "KILLED") if one in latest.values()), "FINISHED")
    run = stages[0].pipeline_run
    name, changes = (run.name, f"{run.profile}: {run.changes or 'nothing'}") if run else ("", "")
    return [name, stages[0].started[:19].replace("T", " "), str(len(latest)), worst.lower(), changes]


@app.command()
def compare(
    left: Annotated[str, typer.Argument(help="a pipeline run's name, a stage's, or an id in MLflow")],
    right: Annotated[str, typer.Argument(help="the other one")],
) -> None:
    """Print what differs between two runs: data, parameters, code, metrics."""
    from eva.record import comparison
    from eva.record.known_runs import all_records, find_run

    every = all_records(Path.cwd())
    found = comparison.compare(*(find_run(name, every, Path.cwd()) for name in (left, right)))
    for section, differences in found.items():
        if differences:
            rows = [[one.name, one.left, one.right, *_change(one)] for one in differences]
            print_table([section, left, right, ""], rows)
        else:
            print(f"{section}: nothing differs")
        print()


def _change(one: "Difference") -> Iterator[str]:
    try:
        yield f"{float(one.right) - float(one.left):+.4g}"
    except ValueError:
        yield ""


@app.command()
def replay() -> None:
    """Write the runs recorded in runs/ into MLflow, except those that it already has."""
    from eva.record.replay import replay as rebuild

    done = rebuild(Path.cwd())
    print(f"{count(done.logged, 'run')} written into MLflow; already there: {done.present}")
