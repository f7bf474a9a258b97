"""`eva registry`: the model of this workspace in the MLflow model registry."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eva.cli.wide_table import print_table
from eva.counts import count
from eva.errors import raise_if

if TYPE_CHECKING:
    from eva.registry.gate_decision import Decision

app = typer.Typer(no_args_is_help=True, help="The model of this workspace in the MLflow model registry.")

FOLDER = Path("registry")
Address = Annotated[str, typer.Argument(help="models:/NAME, models:/NAME@ALIAS or models:/NAME/VERSION")]


@app.command()
def push() -> None:
    """Put the model that `dvc repro` made into the registry.

    Equal weights are one version, so this can be repeated. A model that passes the gate gets the alias
    `challenger`.
    """
    from eva.cli.project_plugins import load_project_plugins
    from eva.registry.pushing import push as put

    load_project_plugins("estimators")
    done = put(FOLDER, Path.cwd())
    known = "registered" if done.is_new else "was registered already, with the same weights"
    print(f"{done.uri} {known}; {_outcome(done.decision)}")


By = Annotated[str, typer.Option(help="who decides this, by name")]
Why = Annotated[str, typer.Option(help="why, for those who read the log")]


@app.command()
def approve(model: Address, by: By, why: Why) -> None:
    """Make a version the champion, the one in use.

    The gate must have passed it; it is compared with the champion of this moment once more.
    """
    from eva.cli.project_plugins import load_project_plugins
    from eva.registry.approval import approve as put

    load_project_plugins("estimators")
    print(f"{put(model, by, why, Path.cwd())} is the champion")


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(help="name of the registered model")], by: By, why: Why
) -> None:
    """Make the champion before the present one champion again: the same version, the same bytes."""
    from eva.registry.approval import rollback as back

    print(f"{back(name, by, why, Path.cwd())} is the champion again")


@app.command()
def verify() -> None:
    """Check the audit log, the aliases against it, and every file of every version."""
    from eva.registry.verification import verify as check

    found = check(Path.cwd())
    said = [f"audit log: {count(found.acts, 'act')}", count(found.versions, "version")]
    for line in [*said, *found.notes]:
        print(line)
    raise_if(found.problems, "eva registry verify")
    print("log, aliases and files agree")


@app.command("list")
def list_versions() -> None:
    """List every version, its aliases and what the gate said."""
    from eva.registry.overview import list_versions as rows

    found = [asdict(row) for row in rows(Path.cwd())]
    if not found:
        print("no model is registered; `eva registry push` registers the one of this workspace")
        return
    print_table(list(found[0]), [list(row.values()) for row in found])


@app.command()
def show(model: Address) -> None:
    """Show one version: the gate's checks, and the runs and data that it comes from."""
    from eva.registry.overview import about

    found = about(model, Path.cwd())
    print(f"{found.uri}: {_outcome(found.decision)}\n")
    print_table(
        ["check", "", "found"],
        [[one.name, "ok" if one.passed else "FAILED", one.found] for one in found.decision.checks],
    )
    print()
    print_table(
        ["stage", "MLflow run", "commit", "uncommitted changes"],
        [
            [stage, one["run"], one["commit"] or "none", "yes" if one["uncommitted_changes"] else "no"]
            for stage, one in found.lineage.items()
        ],
    )


def _outcome(decision: "Decision") -> str:
    if decision.passed:
        return "the gate passed it"
    return "the gate refused it:" + "".join(f"\n  - {reason}" for reason in decision.reasons)
