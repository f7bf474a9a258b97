"""The `eva` command."""

import sys
from pathlib import Path
from typing import NoReturn

import typer

from eva.cli import annotate_commands as annotate
from eva.cli import chat_command as chat
from eva.cli import collect_commands as collect
from eva.cli import data_commands as data
from eva.cli import export_command as export
from eva.cli import fit_command as fit
from eva.cli import generate_command as generate
from eva.cli import human_commands as human
from eva.cli import metrics_command as metrics
from eva.cli import params_commands as params
from eva.cli import registry_commands as registry
from eva.cli import results_commands as results
from eva.cli import runs_commands as runs
from eva.cli import safety_commands as safety
from eva.cli import score_command as score
from eva.cli import scorers_commands as scorers
from eva.cli import serve_command as serve
from eva.cli import store_commands as store
from eva.cli import verify_command as verify
from eva.cli import worker_command as worker
from eva.cli.extras import extra_with
from eva.compat.chatter import silence_libraries
from eva.errors import InputError, storage_fault
from eva.loopback import bypass_proxy

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train, align and evaluate empathetic language models by emotional validation.",
)
app.add_typer(params.app, name="params")
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")
app.add_typer(scorers.app, name="scorers")
app.add_typer(registry.app, name="registry")
app.command("generate")(generate.generate)
app.add_typer(collect.app, name="collect")
app.add_typer(human.app, name="human")
app.add_typer(annotate.app, name="annotate")
app.command("score")(score.score)
app.command("verify")(verify.verify)
app.command("metrics")(metrics.metrics)
app.command("report")(results.report)
app.command("fit")(fit.fit)
app.command("chat")(chat.chat)
app.command("serve")(serve.serve)
app.command("export")(export.export)
app.command("worker")(worker.worker)
app.add_typer(safety.app, name="safety")
app.add_typer(store.app, name="store")


def main() -> None:
    """Run the command line; bad input and a missing optional package give one message and exit code 2."""
    silence_libraries()
    bypass_proxy()
    try:
        app()
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        if (fault := storage_fault(error)) is None:
            raise
        _fail(fault)
    except ModuleNotFoundError as error:
        extra = extra_with(error.name)
        if extra is None:
            raise
        _fail(f"{error.name} is not installed; install it with `pip install 'eva-mlops[{extra}]'`")
    except Exception as error:
        if not _is_of_mlflow(error):
            raise
        from eva.record.mlflow_store import unusable

        _fail(str(unusable(Path.cwd(), error)))


def _is_of_mlflow(error: Exception) -> bool:
    """Whether MLflow or its database raised this: it is away, damaged, or refuses what it was asked."""
    kinds = (("mlflow.exceptions", "MlflowException"), ("sqlalchemy.exc", "SQLAlchemyError"))
    return any(isinstance(error, getattr(sys.modules.get(module), name, ())) for module, name in kinds)


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)
