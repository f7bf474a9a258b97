"""`eva safety`: measure how well messages about danger are detected."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from eva.errors import InputError

if TYPE_CHECKING:
    from eva.safety.detector import Detector
    from eva.settings.params_file import Settings
    from eva.settings.safety_section import DetectorName

app = typer.Typer(no_args_is_help=True, help="The check of `eva chat` for messages about danger.")

PARAMS, PROBE, ENCODERS = Path("params.yaml"), Path("models/crisis_detector"), Path("models/backbone")


def chosen_detector(settings: "Settings", name: "DetectorName | None" = None) -> "Detector":
    """The detector of danger that the settings choose, or the one named `name`."""
    from eva.safety.choice import detector_named

    row = settings.safety
    return detector_named(name or row.detector, PROBE, ENCODERS / row.encoder)


def detector_for_chat(settings: "Settings") -> "tuple[Detector, str | None]":
    """The detector before a model in use, and a line to print if it is less than the settings choose."""
    from eva.safety.choice import detector_at_hand

    row = settings.safety
    return detector_at_hand(row.detector, PROBE, ENCODERS / row.encoder)


@app.command()
def measure(
    place: Annotated[
        Path | None,
        typer.Argument(help="labelled messages: a file or a folder; by default `safety.messages`"),
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="rules, probe or either; by default `safety.detector`")
    ] = None,
    errors: Annotated[bool, typer.Option(help="list missed messages and false alarms")] = False,
) -> None:
    """Measure the check on labelled messages: sensitivity and false alarms, with exact 95 % intervals."""
    from eva.safety.labelled_messages import read_labelled
    from eva.safety.measurement import judge, table
    from eva.safety.rule_detector import RuleDetector
    from eva.settings.params_file import read_settings

    name = _checked(detector)
    if place is not None and name == "rules":  # needs no project
        judged = judge(RuleDetector(), read_labelled(place))
    else:
        settings = read_settings(PARAMS)
        judged = judge(chosen_detector(settings, name), read_labelled(place or settings.safety.messages))
    print(table(judged))
    for one in judged:
        if errors and not one.right:
            what = "missed" if one.message.refer else "false alarm"
            print(f"{what} ({one.message.part}, {one.message.kind}): {one.message.text}")


def _checked(name: str | None) -> "DetectorName | None":
    from eva.settings.safety_section import DetectorName

    for known in get_args(DetectorName):
        if name == known:
            return cast("DetectorName", known)
    if name is None:
        return None
    raise InputError(f"--detector {name}: there is no such detector; name one of {get_args(DetectorName)}")
