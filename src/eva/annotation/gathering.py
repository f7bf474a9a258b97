"""All answers of a round: reading every file, and what only several files together can have wrong."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eva.annotation.label_studio_answers import read_export
from eva.annotation.page_answers import PageFile, read_page_file
from eva.annotation.round_key import RoundKey
from eva.annotation.task_answers import Answer
from eva.artifacts import read_json
from eva.errors import InputError, raise_if

_NAMED = 5  # open tasks that a message names


@dataclass(frozen=True)
class Answers:
    """The answers of a round, and lines about what is open and which files were left aside."""

    given: tuple[Answer, ...]
    open: tuple[str, ...]
    notes: tuple[str, ...]


def read_answers(key: RoundKey, files: Sequence[Path], *, partial: bool) -> Answers:
    """Read files of answers, of pages and of Label Studio; one `InputError` lists all problems of all.

    Open and skipped tasks are problems too, unless `partial`.
    """
    if not files:
        raise InputError("there are no answers to read; put the exported files into the folder `answers`")
    read = _read_all(key, files)
    newest, notes, contradictions = _one_per_annotator(read.pages)
    given = (*(one for _, one in read.given), *(answer for page in newest for answer in page.answers))
    problems = [*read.problems, *contradictions, *_answered_twice(read.given)]
    still_open = (*read.skipped, *(_open_tasks(key, newest, read.unusable) if newest else ()))
    if not partial:
        problems += [f"{line}; get the rest, or count what there is (--partial)" for line in still_open]
    raise_if(problems, "answers")
    if not given:
        raise InputError(f"nothing is answered in {', '.join(path.name for path in files)}")
    return Answers(given, still_open, tuple(notes))


@dataclass
class _Read:
    """What the files hold, each by itself; `unusable` counts files of which nothing can be used."""

    pages: list[PageFile] = field(default_factory=list)
    unusable: int = 0
    given: list[tuple[str, Answer]] = field(default_factory=list)  # with the name of the export
    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def _read_all(key: RoundKey, files: Sequence[Path]) -> _Read:
    read = _Read()
    for path in files:
        raw, fault = _content(path)
        if isinstance(raw, dict):
            page, problems = read_page_file(path, raw, key)
            read.pages += [page] if page else []
            read.unusable += page is None
        elif isinstance(raw, list):
            export = read_export(path, raw, key)
            problems = export.problems
            read.given += [(path.name, answer) for answer in export.answers]
            read.skipped += export.skipped
        else:
            problems, read.unusable = [fault], read.unusable + 1
        read.problems += problems
    return read


def _content(path: Path) -> tuple[Any, str]:
    """The value of a file, or why there is none."""
    try:
        if path.is_file() and not path.stat().st_size:
            return None, f"{path.name}: is empty; ask the annotator to export again"
        raw = read_json(path)
    except InputError as error:
        return None, str(error).removeprefix(f"{path.parent}/")
    return raw, f"{path.name}: holds neither the answers of a page nor a Label Studio export"


def _one_per_annotator(pages: Iterable[PageFile]) -> tuple[list[PageFile], list[str], list[str]]:
    """The newest file of each annotator, notes on older ones, and files that contradict each other."""
    by_annotator: dict[str, list[PageFile]] = {}
    for page in sorted(pages, key=lambda page: page.exported):
        by_annotator.setdefault(page.annotator, []).append(page)
    newest, notes, problems = [], [], []
    for older, last in ((found[:-1], found[-1]) for found in by_annotator.values()):
        newest.append(last)
        for page in older:
            if found := _contradiction(page, last):
                problems.append(found)
            else:
                notes.append(
                    f"{page.path.name} is older than {last.path.name} of {page.annotator}: left aside"
                )
    return newest, notes, problems


def _contradiction(page: PageFile, last: PageFile) -> str | None:
    """Why two files of one annotator cannot be an earlier and a later export of one person."""
    if page.session != last.session:
        return (
            f"{last.path.name}: {last.annotator} was also answered in {page.path.name}, by {page.person!r} "
            f"and {last.person!r} in different browsers: two people on one assignment; keep one file, and "
            "give the other person a page of their own (more --annotators)"
        )
    if lost := sorted(page.tasks - last.tasks):
        return (
            f"{page.path.name}: is older than {last.path.name} of the same {last.annotator}, but only it "
            f"answers {_named(lost)}; ask which one counts, and keep that one"
        )
    return None


def _answered_twice(given: Iterable[tuple[str, Answer]]) -> Iterator[str]:
    """Label Studio exports that hold answers which another holds too."""
    first: dict[tuple[str, str], str] = {}
    again: dict[tuple[str, str], list[Answer]] = {}
    for file, answer in given:
        earlier = first.setdefault((answer.annotator, answer.task.name), file)
        if earlier != file:
            again.setdefault((file, earlier), []).append(answer)
    for (file, earlier), found in again.items():
        who = f"{found[0].annotator} on {found[0].task.name}"
        yield f"{file}: {len(found)} of its answers are in {earlier}, too ({who}, …); keep one of both files"


def _open_tasks(key: RoundKey, pages: Sequence[PageFile], unusable: int) -> Iterator[str]:
    """Annotators without a file, and of the others the tasks without an answer.

    As many annotators as there are unusable files are taken to have sent these.
    """
    by_annotator = {page.annotator: page for page in pages}
    told_absent = len(key.assignments.keys() - by_annotator.keys()) > unusable
    for annotator, tasks in key.assignments.items():
        if (page := by_annotator.get(annotator)) is None:
            if told_absent:
                yield f"{annotator}: there is no file with answers to the {len(tasks)} tasks"
        elif left := [task.name for task in tasks if task.name not in page.tasks]:
            where = f"{page.path.name}: {annotator}"
            yield f"{where} skipped {len(left)} of {len(tasks)} tasks ({_named(left)})"


def _named(tasks: Sequence[str]) -> str:
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    return ", ".join(tasks[:_NAMED]) + more
