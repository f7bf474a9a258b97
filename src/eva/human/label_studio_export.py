"""What a Label Studio export of type JSON holds, whatever was asked: tasks, and who answered what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.errors import InputError


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one user said to one task.

    `annotator` is `label_studio:` and the id (or e-mail address) of the user; `values` are by the names of
    the interface's controls. `place` is the file and where in it, for messages.
    """

    place: str
    annotator: str
    values: Mapping[str, Mapping[str, Any]]
    seconds: float | None
    skipped: bool


@dataclass(frozen=True, slots=True)
class ExportedTask:
    """A task as it was imported into Label Studio, with its annotations."""

    place: str
    data: Mapping[str, Any]
    annotations: Sequence[Annotation]


def read_tasks(path: Path, raw: Any) -> list[ExportedTask]:
    """The tasks in the content of a file; `InputError` if it is no export of type JSON."""
    if not isinstance(raw, list) or not all(_is_task(task) for task in raw):
        raise InputError(f"{path.name}: is no Label Studio export; export the project with type `JSON`")
    return [_task(task, f"{path.name} task {number}") for number, task in enumerate(raw, start=1)]


def _is_task(task: Any) -> bool:
    return (
        isinstance(task, dict)
        and isinstance(task.get("data"), dict)
        and isinstance(task.get("annotations"), list)
        and all(isinstance(one, dict) and _is_result(one.get("result")) for one in task["annotations"])
    )


def _is_result(result: Any) -> bool:
    return isinstance(result, list) and all(
        isinstance(one, dict) and isinstance(one.get("value") or {}, dict) for one in result
    )


def _task(task: Mapping[str, Any], place: str) -> ExportedTask:
    found = [
        Annotation(
            place=f"{place} annotation {order}",
            annotator=f"label_studio:{_user(one.get('completed_by'))}",
            values={answer.get("from_name"): answer.get("value") or {} for answer in one["result"]},
            seconds=_seconds(one.get("lead_time")),
            skipped=bool(one.get("was_cancelled")),
        )
        for order, one in enumerate(task["annotations"], start=1)
    ]
    return ExportedTask(place, task["data"], found)


def _user(completed_by: Any) -> str:
    """The id of the user; exports have it directly or, with some settings, inside an object."""
    if isinstance(completed_by, dict):
        return str(completed_by.get("id") or completed_by.get("email"))
    return str(completed_by)


def _seconds(lead_time: Any) -> float | None:
    return float(lead_time) if isinstance(lead_time, int | float) else None
