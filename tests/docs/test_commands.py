"""Every command in README and docs is one that the programs of today take: names, options, settings."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.docs.commands import PAGES, ROOT, blocks, inline, words
from typer.exceptions import TyperException

from eva.cli import app

COMMANDS = sorted(
    {
        (page.relative_to(ROOT).as_posix(), command.split(" #")[0].strip())
        for page in PAGES
        for command in [*(line for block in blocks(page) for line in block), *inline(page)]
    }
)
STAGES = set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


def test_the_pages_hold_commands() -> None:
    assert {"make run", "dvc repro", "eva report"} <= {command for _, command in COMMANDS}


def _parse_eva(arguments: list[str]) -> None:
    """Walk down to the command and parse its options and arguments; nothing is executed."""
    command: Any = typer.main.get_command(app)
    context = typer.Context(command)
    while arguments and hasattr(command, "resolve_command"):
        name, command, arguments = command.resolve_command(context, arguments)
        context = typer.Context(command, info_name=name, parent=context)
    if arguments:  # else a sentence that names the command
        command.parse_args(context, [*arguments])


def _parse_dvc(arguments: list[str]) -> None:
    from dvc.cli import parse_args

    given = parse_args(arguments)
    for change in getattr(given, "set_param", None) or []:
        value = PARAMS
        for key in change.partition("=")[0].split("."):
            assert key in value, f"{change}: no such setting"
            value = value[key]
    for target in getattr(given, "targets", None) or []:
        assert target.partition("@")[0] in STAGES, f"{target}: no such stage"


def _check_make(arguments: list[str]) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert {word for word in arguments if "=" not in word} <= set(targets)


def _check_python(arguments: list[str]) -> None:
    script = next(word for word in arguments if not word.startswith("-"))
    assert (ROOT / script).is_file() or arguments[0] in {"-m", "-c"}


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_it_can_be_typed(page: str, command: str) -> None:
    program, *arguments = words(command)
    try:
        if program == "eva":
            _parse_eva(arguments)
        elif program == "dvc":
            _parse_dvc(arguments)
        elif program == "make":
            _check_make(arguments)
        elif program == "python":
            _check_python(arguments)
    except TyperException as error:
        pytest.fail(f"{page}: {command}: {error}")


@pytest.mark.parametrize("command", ["eva score --bsaeline x y", "eva scroe x", "eva data import --to x"])
def test_a_wrong_command_is_seen(command: str) -> None:
    with pytest.raises(TyperException):
        _parse_eva(words(command)[1:])


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / Path(target)).exists()
    ]
    assert not broken
