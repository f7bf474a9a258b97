"""A study as a Label Studio project: labelling interface, tasks, and reading of its JSON export."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from eva.artifacts import read_json
from eva.errors import InputError
from eva.human.forms import Criterion, Form
from eva.human.label_studio_export import ExportedTask, read_tasks
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
    """The records of an export of type JSON, and its problems; skipped annotations are ignored."""
    try:
        tasks = read_tasks(path, read_json(path))
    except InputError as error:
        return [], [str(error)]
    return [record for task in tasks for record in _records(task, form)], []


def _records(task: ExportedTask, form: Form) -> Iterator[Record]:
    for one in task.annotations:
        if not one.skipped:
            yield Record(
                place=one.place,
                rater=one.annotator,
                item=str(task.data.get("item", "")),
                answers={asked.name: _choice(one.values.get(asked.name, {})) for asked in form.criteria},
                responses=tuple(str(task.data.get(column, "")) for column in form.columns),
            )


def _choice(value: Mapping[str, Any]) -> str:
    return " and ".join(str(one).strip().lower() for one in value.get("choices", []))
