"""An annotation round as a Label Studio project: its labelling interface, its tasks, reading its export.

Ranking: a task is an item, whose responses are moved into a ranked bucket or one for unusable ones.
Levels: a task is one response of an item.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from eva.annotation.assignment import Task
from eva.annotation.level_descriptions import DESCRIPTIONS, LABELS
from eva.annotation.round_key import Kind, Round, RoundKey
from eva.annotation.task_answers import Answer, answer_faults, by_index

_AUTHORS = {"user": "Help-seeker", "assistant": "Supporter"}
_RANKED, _UNUSABLE = "ranked", "unusable"
_UNSORTED = "_"  # Label Studio's name for what was moved into no bucket


def config(kind: Kind) -> str:
    """The labelling interface (XML); its `$` variables are the keys of a task's data."""
    view = ElementTree.Element("View")
    _introduction(view)
    _tag(view, "Header", value="Conversation so far")
    _tag(view, "Paragraphs", name="conversation", value="$conversation", layout="dialogue",
         nameKey="author", textKey="text")  # fmt: skip
    (_rank if kind is Kind.RANKING else _label)(view)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _tag(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _introduction(view: ElementTree.Element) -> None:
    panel = _tag(_tag(view, "Collapse"), "Panel", value="The four levels of emotional validation")
    for one in DESCRIPTIONS:
        _tag(panel, "Header", size="5", value=f"Level {one.level}: {one.name}")
        text = f"{one.description} “{one.example}”"
        _tag(panel, "Text", name=f"level_{one.level}", value=text)


def _rank(view: ElementTree.Element) -> None:
    _tag(view, "Header", value="Rank the responses from most (top) to least appropriate")
    _tag(view, "List", name="responses", value="$responses", title="Responses")
    ranker = _tag(view, "Ranker", name="ranking", toName="responses")
    _tag(ranker, "Bucket", name=_RANKED, title="Ranked, most appropriate on top")
    _tag(ranker, "Bucket", name=_UNUSABLE, title="Unusable")


def _label(view: ElementTree.Element) -> None:
    _tag(view, "Header", value="Which level of emotional validation does this response show?")
    _tag(view, "Text", name="response", value="$response")
    choices = _tag(view, "Choices", name="level", toName="response", choice="single-radio", required="true")
    for level, name in LABELS.items():
        _tag(choices, "Choice", value=name, alias=str(level), hotkey=str(level))
    _tag(choices, "Choice", value="Unusable", alias=_UNUSABLE, hotkey="x")


def tasks(made: Round) -> list[dict[str, Any]]:
    """The tasks to import into Label Studio."""
    found = []
    for task in made.key.shared:
        candidates = {one.candidate: one for one in made.items[task.item]}
        told = candidates[task.shown[0]].history
        shared = {
            "project": made.key.project,
            "task": task.name,
            "conversation": [{"author": _AUTHORS[m["role"]], "text": m["content"]} for m in told],
        }
        texts = [candidates[name].text for name in task.shown]
        found += [{"data": {**shared, **one}} for one in _shown(texts, made.key.kind)]
    return found


def _shown(texts: Sequence[str], kind: Kind) -> list[dict[str, Any]]:
    """Letters name the responses: Label Studio would sort numbers."""
    if kind is Kind.LEVELS:
        return [{"letter": chr(97 + i), "response": text} for i, text in enumerate(texts)]
    return [{"responses": [{"id": chr(97 + i), "title": "", "body": text} for i, text in enumerate(texts)]}]


def read_export(path: Path, raw: Sequence[Any], key: RoundKey) -> tuple[list[Answer], list[str], list[str]]:
    """The answers of an export of type JSON, its problems, and what was skipped in it.

    The name of an annotator is `label_studio:` and the id (or e-mail address) of the user.
    """
    if not all(_is_task(task) for task in raw):
        return [], [f"{path.name}: is no Label Studio export; export the project with type `JSON`"], []
    parts: dict[tuple[str, str], list[_Part]] = {}
    problems, skipped = [], []
    known = {task.name: task for task in key.shared}
    for number, task in enumerate(raw, start=1):
        place = f"{path.name} task {number}"
        if found := _task_fault(task["data"], known, key):
            problems.append(f"{place}: {found}")
            continue
        for order, annotation in enumerate(task["annotations"], start=1):
            part = _Part(task["data"], annotation, f"{place} annotation {order}")
            if annotation.get("was_cancelled"):
                skipped.append(f"{part.place}: {part.annotator} skipped it")
            else:
                parts.setdefault((part.annotator, task["data"]["task"]), []).append(part)
    answers = []
    for (annotator, name), found_parts in parts.items():
        faults = list(_faults(known[name], found_parts, key.kind))
        problems += faults
        if not faults:
            answers.append(_answer(annotator, known[name], found_parts, key.kind))
    return answers, problems, skipped


class _Part:
    """One annotation: of an item, or of one response of an item."""

    def __init__(self, data: Mapping[str, Any], annotation: Mapping[str, Any], place: str) -> None:
        user = annotation.get("completed_by")
        if isinstance(user, dict):  # exports hold the id or, with some settings, an object
            user = user.get("id") or user.get("email")
        self.annotator, self.place = f"label_studio:{user}", place
        self.letter = str(data.get("letter", ""))
        self.seconds = annotation.get("lead_time")
        self.values = {one.get("from_name"): one.get("value") or {} for one in annotation["result"]}

    def bucket(self, name: str) -> list[int]:
        """Places of the responses in a bucket; others than letters become -1, which no response has."""
        ids = self.values.get("ranking", {}).get("ranker", {}).get(name, [])
        return [ord(one) - 97 if isinstance(one, str) and len(one) == 1 else -1 for one in ids]

    def level(self) -> str:
        chosen = self.values.get("level", {}).get("choices", [])
        return str(chosen[0]) if len(chosen) == 1 else ""


def _is_task(task: Any) -> bool:
    return (
        isinstance(task, dict)
        and isinstance(task.get("data"), dict)
        and isinstance(task.get("annotations"), list)
        and all(isinstance(one, dict) and isinstance(one.get("result"), list) for one in task["annotations"])
    )


def _task_fault(data: Mapping[str, Any], known: Mapping[str, Task], key: RoundKey) -> str | None:
    if data.get("project") != key.project:
        return f"belongs to the project {data.get('project')!r}, and this is {key.project} ({key.kind})"
    if data.get("task") not in known:
        return f"task {data.get('task')!r} is not in the key"
    return None


def _faults(task: Task, parts: Sequence[_Part], kind: Kind) -> Iterator[str]:
    first, letters = parts[0], [part.letter for part in parts]
    if len(set(letters)) < len(letters):
        twice = next(part for i, part in enumerate(parts) if part.letter in letters[:i])
        yield f"{twice.place}: {twice.annotator} answered {task.name} already, in {first.place}"
    elif kind is Kind.RANKING and first.bucket(_UNSORTED):
        yield f"{first.place}: {first.annotator} left responses of {task.name} unsorted"
    else:
        order, levels, unusable = _raw(task, parts, kind)
        found = answer_faults(task, order, levels, unusable, kind is Kind.RANKING)
        yield from (f"{first.place}: {first.annotator}, {task.name}: {text}" for text in found)


def _raw(task: Task, parts: Sequence[_Part], kind: Kind) -> tuple[list[int], list[int | None], list[int]]:
    """Order, levels and unusable ones as the offline page would export them."""
    if kind is Kind.RANKING:
        return parts[0].bucket(_RANKED), [], parts[0].bucket(_UNUSABLE)
    chosen = {part.letter: part.level() for part in parts}
    answers = [chosen.get(chr(97 + i), "") for i in range(len(task.shown))]
    levels = [int(one) if one.isdigit() else None for one in answers]
    return [], levels, [i for i, one in enumerate(answers) if one == _UNUSABLE]


def _answer(annotator: str, task: Task, parts: Sequence[_Part], kind: Kind) -> Answer:
    order, levels, unusable = _raw(task, parts, kind)
    labelled = zip(task.shown, levels, strict=False)
    times = [part.seconds for part in parts if isinstance(part.seconds, int | float)]
    return Answer(
        annotator=annotator,
        task=task,
        order=by_index(task, order),
        levels=tuple((name, level) for name, level in labelled if level is not None),
        unusable=by_index(task, unusable),
        seconds=float(sum(times)) if len(times) == len(parts) else None,
        place=parts[0].place,
    )
