"""An annotation round as a Label Studio project: its labelling interface and its tasks.

Ranking: a task is an item, whose responses are moved into a ranked bucket or one for unusable ones.
Levels: a task is one response of an item.
"""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from eva.annotation.level_descriptions import DESCRIPTIONS, LABELS
from eva.annotation.round_key import Kind, Round

_AUTHORS = {"user": "Help-seeker", "assistant": "Supporter"}
RANKED, UNUSABLE = "ranked", "unusable"  # names of the buckets


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
    _tag(ranker, "Bucket", name=RANKED, title="Ranked, most appropriate on top")
    _tag(ranker, "Bucket", name=UNUSABLE, title="Unusable")


def _label(view: ElementTree.Element) -> None:
    _tag(view, "Header", value="Which level of emotional validation does this response show?")
    _tag(view, "Text", name="response", value="$response")
    choices = _tag(view, "Choices", name="level", toName="response", choice="single-radio", required="true")
    for level, name in LABELS.items():
        _tag(choices, "Choice", value=name, alias=str(level), hotkey=str(level))
    _tag(choices, "Choice", value="Unusable", alias=UNUSABLE, hotkey="x")


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
