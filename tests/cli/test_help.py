"""Every command explains itself, at once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from eva.cli import app

HEAVY = {"torch", "transformers", "trl", "peft", "mlflow", "great_expectations", "pandas", "sklearn", "nltk"}


def _commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


COMMANDS = list(_commands(typer.main.get_command(app)))


def test_the_walk_finds_commands_at_both_depths() -> None:
    assert {(), ("score",), ("params",), ("params", "check"), ("data", "show"), ("runs", "replay")} <= set(
        COMMANDS
    )


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(["eva", *path]))
def test_help(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0, done.output
    assert " ".join(["Usage:", "root", *path]) in " ".join(done.output.split())


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(["eva", *path]))
def test_every_command_and_every_parameter_says_what_it_is(path: tuple[str, ...]) -> None:
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    assert command.help
    silent = [one.name for one in command.params if not getattr(one, "help", None)]
    assert not silent


def test_a_command_that_is_none_is_an_error() -> None:
    done = CliRunner().invoke(app, ["scores"])
    assert done.exit_code == 2
    assert "score" in done.output


def test_help_loads_nothing_heavy(root: Path) -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from eva.cli import app\n"
        "done = CliRunner().invoke(app, ['score', '--help'])\n"
        f"print(done.exit_code, sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(root / "src")}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "0 []", done.stdout + done.stderr
