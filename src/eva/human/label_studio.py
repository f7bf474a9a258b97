"""A study as a Label Studio project: labelling interface, tasks, and reading of its JSON export."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from eva.artifacts import read_json
from eva.errors import InputError
from eva.human.forms import Criterion, Form
from eva.human.sheets import CONVERSATION, Record, Shown


def config(form: Form) -> str:
    """The labelling interface (XML) of a form; its `$` variables are the keys of `tasks`."""
    view = ElementTree.Element("View")
    _tag(view, "Header", value="Conversation so far")
    _tag(
        view,
        "Paragraphs",
        name=CONVERSATION,
        value=f"${CONVERSATION}",
        layout="dialogue",
        nameKey="author",
        textKey="text",
    )
    beside = _tag(view, "View", style="display: flex; gap: 2em")
    for column in form.columns:
        side = _tag(beside, "View", style="flex: 1")
        _tag(side, "Header", value=column.replace("_", " ").capitalize())
        _tag(side, "Text", name=column, value=f"${column}")
    for criterion in form.criteria:
        _ask(view, form, criterion)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _tag(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _ask(view: ElementTree.Element, form: Form, criterion: Criterion) -> None:
    _tag(view, "Header", value=f"{criterion.title}: {criterion.question}")
    choices = _tag(
        view,
        "Choices",
        name=criterion.name,
        toName=form.columns[0],
        choice="single-radio",
        showInline="true",
        required="true",
    )
    for choice in form.choices:
        _tag(choices, "Choice", value=choice)


def tasks(form: Form, items: Iterable[Shown]) -> list[dict[str, Any]]:
    """The tasks to import into Label Studio, one for each item."""
    return [
        {
            "data": {
                "item": shown.item,
                CONVERSATION: [{"author": author, "text": said} for author, said in shown.conversation],
                **dict(zip(form.columns, shown.responses, strict=True)),
            }
        }
        for shown in items
    ]


def read_export(path: Path, form: Form) -> tuple[list[Record], list[str]]:
    """The records of an export of type JSON, and its problems; skipped annotations are ignored.

    The name of a rater is `label_studio:` and the id (or e-mail address) of the annotating user.
    """
    try:
        raw = read_json(path)
    except InputError as error:
        return [], [str(error)]
    if not isinstance(raw, list) or not all(_is_task(task) for task in raw):
        return [], [
            f"{path.name}: not a list of tasks with `data` and `annotations`; export with type `JSON`"
        ]
    return [
        record for number, task in enumerate(raw, start=1) for record in _records(path, number, task, form)
    ], []


def _is_task(task: Any) -> bool:
    return (
        isinstance(task, dict)
        and isinstance(task.get("data"), dict)
        and isinstance(task.get("annotations"), list)
        and all(isinstance(one, dict) and isinstance(one.get("result"), list) for one in task["annotations"])
    )


def _records(path: Path, number: int, task: Mapping[str, Any], form: Form) -> Iterator[Record]:
    data = task["data"]
    for order, annotation in enumerate(task["annotations"], start=1):
        if annotation.get("was_cancelled"):
            continue
        chosen = {one.get("from_name"): one.get("value") or {} for one in annotation["result"]}
        yield Record(
            place=f"{path.name} task {number} annotation {order}",
            rater=f"label_studio:{_user(annotation.get('completed_by'))}",
            item=str(data.get("item", "")),
            answers={one.name: _choice(chosen.get(one.name, {})) for one in form.criteria},
            responses=tuple(str(data.get(column, "")) for column in form.columns),
        )


def _user(completed_by: Any) -> str:
    """The id of the user; exports have it directly or, with some settings, inside an object."""
    if isinstance(completed_by, dict):
        return str(completed_by.get("id") or completed_by.get("email"))
    return str(completed_by)


def _choice(value: Mapping[str, Any]) -> str:
    return " and ".join(str(one).strip().lower() for one in value.get("choices", []))
