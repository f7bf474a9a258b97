"""The page of one annotator: one HTML file that works without a network and stores its answers itself."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from eva.annotation.assignment import Task
from eva.annotation.level_descriptions import DESCRIPTIONS, LABELS
from eva.annotation.round_key import Kind, RoundKey
from eva.data.candidates import Candidate

FORMAT = "eva-annotation-1"  # of the files that the page exports


def page_of(
    key: RoundKey, annotator: str, tasks: Sequence[Task], items: Mapping[str, Sequence[Candidate]]
) -> str:
    """The page as HTML. It holds neither levels nor names of candidates, only texts in shown order."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_file("offline_page.html.jinja"))
    return template.render(
        annotator=annotator,
        descriptions=DESCRIPTIONS,
        is_ranking=key.kind is Kind.RANKING,
        n_tasks=len(tasks),
        style=_ours(_file("offline_page.css")),
        script=_ours(_file("offline_page.js")),
        data=_ours(_embedded(_data(key, annotator, tasks, items))),
    )


def _data(
    key: RoundKey, annotator: str, tasks: Sequence[Task], items: Mapping[str, Sequence[Candidate]]
) -> dict[str, Any]:
    """What the script reads; histories of one dialogue are stored once, as the longest of them."""
    longest: list[list[Mapping[str, str]]] = []
    rows = []
    for task in tasks:
        found = {one.candidate: one for one in items[task.item]}
        history = list(items[task.item][0].history)
        place = _place(longest, history)
        texts = [found[name].text for name in task.shown]
        rows.append({"task": task.name, "dialogue": place, "messages": len(history), "texts": texts})
    return {
        "format": FORMAT,
        "project": key.project,
        "kind": key.kind,
        "annotator": annotator,
        "labels": LABELS,
        "dialogues": longest,
        "tasks": rows,
    }


def _place(longest: list[list[Mapping[str, str]]], history: list[Mapping[str, str]]) -> int:
    """The index in `longest` of a history that begins with this one, or that this one extends."""
    for place in range(len(longest) - 1, -1, -1):
        known = longest[place]
        shorter, longer = sorted((known, history), key=len)
        if longer[: len(shorter)] == shorter:
            longest[place] = longer
            return place
    longest.append(history)
    return len(longest) - 1


def _embedded(value: Any) -> str:
    """JSON that can stand in a script element: `<` could end it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _ours(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - our own files, and data escaped by `_embedded`
