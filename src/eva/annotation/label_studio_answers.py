"""Reading the answers to an annotation round from a Label Studio export of type JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eva.annotation.assignment import Task
from eva.annotation.label_studio_round import RANKED, UNUSABLE
from eva.annotation.level_descriptions import LABELS
from eva.annotation.round_key import Kind, RoundKey
from eva.annotation.task_answers import Answer, answer_faults, by_index
from eva.errors import InputError
from eva.human.label_studio_export import Annotation, ExportedTask, read_tasks

_UNSORTED = "_"  # Label Studio's name for what was moved into no bucket
_LEVELS = {str(level): level for level in LABELS}


@dataclass
class Export:
    """The answers of an export, its problems, and what was skipped in it."""

    answers: list[Answer] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def read_export(path: Path, raw: Sequence[Any], key: RoundKey) -> Export:
    """Read the tasks of an export.

    In a round of levels, in which a task is one candidate, an answer holds those candidates of the item
    that the user got.
    """
    try:
        tasks = read_tasks(path, raw)
    except InputError as error:
        return Export(problems=[str(error)])
    known = {task.name: task for task in key.shared}
    parts: dict[tuple[str, str], list[_Part]] = {}
    ours = [task for task in tasks if task.data.get("project") == key.project]
    found = Export(problems=list(_of_others(path, tasks, key)))
    for task in ours:
        if str(task.data.get("task")) not in known:
            found.problems.append(f"{task.place}: task {task.data.get('task')!r} is not in the key")
            continue
        for one in task.annotations:
            if one.skipped:
                found.skipped.append(f"{one.place}: {one.annotator} skipped it")
            else:
                part = _Part(one, _index(task.data.get("letter", "a")))
                parts.setdefault((one.annotator, task.data["task"]), []).append(part)
    for (annotator, name), several in parts.items():
        faults = list(_faults(known[name], several, key.kind))
        found.problems += faults
        if not faults:
            found.answers.append(_answer(annotator, known[name], several, key.kind))
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """One annotation: of an item, or of the response of an item at the place `index`."""

    said: Annotation
    index: int

    def bucket(self, name: str) -> list[int]:
        """Places of the responses in a bucket."""
        ids = self.said.values.get("ranking", {}).get("ranker", {}).get(name, [])
        return [_index(one) for one in ids]

    def level(self) -> str:
        """The label that was chosen, or nothing."""
        chosen = self.said.values.get("level", {}).get("choices", [])
        return str(chosen[0]) if len(chosen) == 1 else ""


def _index(letter: Any) -> int:
    """The place of the response with this letter; -1, which none has, for anything else."""
    return ord(letter) - ord("a") if isinstance(letter, str) and len(letter) == 1 else -1


def _of_others(path: Path, tasks: Sequence[ExportedTask], key: RoundKey) -> Iterator[str]:
    """A message for each other project that tasks belong to."""
    projects = Counter(repr(task.data.get("project")) for task in tasks)
    for project, n in projects.items():
        if project != repr(key.project):
            yield (
                f"{path.name}: {n} of {len(tasks)} tasks belong to the project {project}, and this is "
                f"{key.project} ({key.kind}); import them in the folder that they were exported from"
            )


def _faults(task: Task, parts: Sequence[_Part], kind: Kind) -> Iterator[str]:
    """What is wrong with the annotations of one user for one item."""
    seen: dict[int, _Part] = {}
    for part in parts:
        who = f"{part.said.place}: {part.said.annotator}"
        earlier = seen.setdefault(part.index, part)
        if earlier is not part:
            yield f"{who} answered {task.name} already, in {earlier.said.place}"
        elif kind is Kind.LEVELS:
            if part.level() not in (*_LEVELS, UNUSABLE) or not 0 <= part.index < len(task.shown):
                yield f"{who} chose the level {part.level()!r} of {task.name}, expected 0 to 4"
        elif part.bucket(_UNSORTED):
            yield f"{who} left responses of {task.name} unsorted"
        else:
            found = answer_faults(task, part.bucket(RANKED), [], part.bucket(UNUSABLE), ranking=True)
            yield from (f"{who}, {task.name}: {text}" for text in found)


def _answer(annotator: str, task: Task, parts: Sequence[_Part], kind: Kind) -> Answer:
    times = [part.said.seconds for part in parts if part.said.seconds is not None]
    is_ranking = kind is Kind.RANKING
    labelled = [] if is_ranking else [(task.shown[part.index], part.level()) for part in parts]
    flagged = tuple(name for name, level in labelled if level == UNUSABLE)
    return Answer(
        annotator=annotator,
        task=task,
        order=by_index(task, parts[0].bucket(RANKED)),
        levels=tuple((name, _LEVELS[level]) for name, level in labelled if level != UNUSABLE),
        unusable=by_index(task, parts[0].bucket(UNUSABLE)) if is_ranking else flagged,
        seconds=sum(times) if len(times) == len(parts) else None,
        place=parts[0].said.place,
    )
