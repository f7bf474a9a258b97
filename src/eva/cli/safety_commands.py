"""`eva safety`: measure how well messages about danger are detected."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The check of `eva chat` for messages about danger.")

MESSAGES = Path("data/sample/safety/messages.jsonl")


@app.command()
def measure(
    file: Annotated[Path, typer.Argument(help="labelled messages, JSON lines")] = MESSAGES,
    errors: Annotated[bool, typer.Option(help="list missed messages and false alarms")] = False,
) -> None:
    """Measure the check on labelled messages: sensitivity and false alarms, with exact 95 % intervals."""
    from eva.safety.labelled_messages import read_labelled
    from eva.safety.measurement import judge, table
    from eva.safety.rule_detector import RuleDetector

    judged = judge(RuleDetector(), read_labelled(file))
    print(table(judged))
    for one in judged:
        if errors and not one.right:
            what = "missed" if one.message.refer else "false alarm"
            print(f"{what} ({one.message.part}, {one.message.kind}): {one.message.text}")
