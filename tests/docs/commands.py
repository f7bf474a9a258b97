"""The commands that README and docs tell a reader to type."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PROGRAMS = {"make", "eva", "dvc", "python", "pip"}


def blocks(page: Path) -> Iterator[list[str]]:
    """The command lines of each fenced block of shell commands, continued lines joined."""
    for language, text in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        lines = text.replace("\\\n", " ").splitlines()
        commands = [line for line in lines if line.split(" ")[0] in _PROGRAMS]
        shell = re.match(r"(?:make|eva|dvc|python|pip|source|export) |[A-Z]+=", text)  # and not their output
        if shell and language in {"", "sh", "bash"}:
            yield commands


def inline(page: Path) -> Iterator[str]:
    """Commands that stand in a sentence, between backticks; those with an ellipsis are not whole."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for command in re.findall(r"`((?:make|eva|dvc) [^`]+)`", text):
        if "…" not in command and "..." not in command:
            yield command.replace("\n", " ")


def words(command: str) -> list[str]:
    """As a shell would part them; the comment goes."""
    return shlex.split(command, comments=True)
