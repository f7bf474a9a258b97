"""Reading the files that the offline page exports."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.annotation.assignment import Task
from eva.annotation.offline_page import FORMAT
from eva.annotation.round_key import Kind, RoundKey
from eva.annotation.task_answers import Answer, answer_faults, by_index

_TEXTS = ("project", "kind", "annotator", "session", "person", "exported")


@dataclass(frozen=True)
class PageFile:
    """A file as read: who answered, in which session of which browser, exported when.

    `tasks` are those it answers, also where the answer is faulty and not among `answers`.
    """

    path: Path
    annotator: str
    person: str
    session: str
    exported: str
    answers: tuple[Answer, ...]
    tasks: frozenset[str]


def read_page_file(path: Path, raw: Mapping[str, Any], key: RoundKey) -> tuple[PageFile | None, list[str]]:
    """The content of an exported file, and all its problems; None if nothing in it can be used."""
    if problems := list(_file_faults(raw, key)):
        return None, [f"{path.name}: {text}" for text in problems]
    tasks = {task.name: task for task in key.assignments[raw["annotator"]]}
    answers: list[Answer] = []
    wrong: list[str] = []
    seen = frozenset(str(row.get("task")) for row in raw["answers"] if isinstance(row, dict)) & tasks.keys()
    for number, row in enumerate(raw["answers"], start=1):
        where = f"{path.name} answer {number}"
        faults = list(_row_faults(row, tasks, key.kind, {one.task.name: one.place for one in answers}))
        wrong += [f"{where}: {fault}" for fault in faults]
        if not faults:
            answers.append(_answer(row, tasks[row["task"]], raw["annotator"], where))
    who, person, session, exported = (raw[name] for name in ("annotator", "person", "session", "exported"))
    return PageFile(path, who, person, session, exported, tuple(answers), seen), wrong


def _file_faults(raw: Mapping[str, Any], key: RoundKey) -> Iterator[str]:
    if raw.get("format") != FORMAT:
        yield "is no export of an annotation page; the page's button `Export` writes one"
        return
    body = {name: value for name, value in raw.items() if name != "sha256"}
    if _page_digest(body) != raw.get("sha256"):
        yield "does not match its digest: it was changed or damaged; ask the annotator to export again"
        return
    wrong = [name for name in _TEXTS if not isinstance(raw.get(name), str)]
    wrong += [] if isinstance(raw.get("answers"), list) else ["answers"]
    if wrong:
        yield f"{', '.join(f'`{name}`' for name in wrong)} is missing or of another type"
        return
    if raw.get("project") != key.project:
        yield (
            f"holds answers to the project {raw.get('project')} ({raw.get('kind')}), and this is "
            f"{key.project} ({key.kind}); import it in the folder that its page came from"
        )
    elif raw.get("annotator") not in key.assignments:
        yield f"is of {raw.get('annotator')!r}, who is not in the key"


def _page_digest(body: Mapping[str, Any]) -> str:
    """The digest as the page computes it: of the JSON without spaces, in the order of the file."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _row_faults(row: Any, tasks: Mapping[str, Task], kind: Kind, earlier: Mapping[str, str]) -> Iterator[str]:
    if not isinstance(row, dict) or str(row.get("task")) not in tasks:
        yield f"task {row.get('task') if isinstance(row, dict) else row!r} is not on this annotator's page"
        return
    name = row["task"]
    if name in earlier:
        yield f"task {name} was answered already, in {earlier[name]}: nobody can rank one item twice"
    if not isinstance(row.get("ms"), int) or row["ms"] < 0:
        yield f"task {name}: `ms` is {row.get('ms')!r}, expected milliseconds"
    found = answer_faults(
        tasks[name], row.get("order"), row.get("levels"), row.get("unusable"), kind is Kind.RANKING
    )
    yield from (f"task {name}: {text}" for text in found)


def _answer(row: Mapping[str, Any], task: Task, annotator: str, where: str) -> Answer:
    flagged = by_index(task, row["unusable"])
    labelled = zip(task.shown, row["levels"], strict=False)
    return Answer(
        annotator=annotator,
        task=task,
        order=by_index(task, row["order"]),
        levels=tuple((name, level) for name, level in labelled if name not in flagged),
        unusable=flagged,
        seconds=row["ms"] / 1000,
        place=where,
    )
