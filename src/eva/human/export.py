"""Creating a study: a folder with blinded rating sheets, and the key that says which system is where."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eva.artifacts import canonical, new_folder, write_json, write_text
from eva.data.responses import Response
from eva.errors import InputError, raise_if
from eva.human import label_studio
from eva.human.forms import Form
from eva.human.item_sampling import Plan, assign, draw, sides
from eva.human.key import Item, Key, System, texts_digest
from eva.human.sheets import Shown, instructions, write_sheet

SHEETS = "sheets"
_AUTHORS = {"user": "Help-seeker", "assistant": "Supporter"}
_SILENCE = "[no response]"


@dataclass(frozen=True)
class Study:
    """The key, and what raters see of each of its items, in the same order."""

    key: Key
    shown: tuple[Shown, ...]


def design(form: Form, systems: Sequence[System], rows: Sequence[Sequence[Response]], plan: Plan) -> Study:
    """Choose the items of a study of one or two systems with responses to the same turns.

    Everything random depends on the seed of the plan and the digests of the files, so that the left/right
    order in one study does not reveal that in a study of other files with the same seed.

    Raises:
        InputError: there are fewer responses or dialogues than planned, or the histories differ.
    """
    plan.check(rows[0])
    answers = [{row.key: row for row in one} for one in rows]
    raise_if(_other_histories(answers, systems), " and ".join(system.name for system in systems))
    rng = np.random.default_rng([plan.seed, *(int(system.sha256[:16], 16) for system in systems)])
    drawn = draw(rows[0], plan, rng)
    left = sides(len(drawn), rng) if form.is_pairwise else [0] * len(drawn)
    names = [f"item_{i:0{len(str(len(drawn)))}d}" for i in range(1, len(drawn) + 1)]
    items, shown = [], []
    for name, row, first in zip(names, drawn, left, strict=True):
        order = (first, 1 - first)[: len(rows)]
        told = tuple(answers[i][row.key].response.strip() or _SILENCE for i in order)
        items.append(Item(name, *row.key, first, texts_digest(told)))
        shown.append(Shown(name, _conversation(row), told))
    shares = assign(len(drawn), plan, rng)
    raters = {f"rater_{i}": [names[j] for j in share] for i, share in enumerate(shares, start=1)}
    whole = plan.dialogues is not None
    return Study(Key(form, tuple(systems), tuple(items), raters, whole, plan.seed), tuple(shown))


def _conversation(row: Response) -> tuple[tuple[str, str], ...]:
    return tuple((_AUTHORS[message["role"]], message["content"]) for message in row.history)


def _other_histories(
    answers: Sequence[dict[tuple[str, int], Response]], systems: Sequence[System]
) -> list[str]:
    """A message for each turn for which the histories of the systems differ."""
    ours, *others = answers
    return [
        f"dialogue {row.dialogue_id!r} turn {row.turn}: `history` on line {row.line} differs from that of "
        f"line {other[key].line} of {systems[1].name}"
        for other in others
        for key, row in ours.items()
        if canonical(_conversation(row)) != canonical(_conversation(other[key]))
    ]


def write_study(study: Study, out: Path) -> None:
    """Write the folder of a study: `key.json`, `sheets/` and `label_studio/`.

    Raises:
        InputError: `out` already has content, which may be filled sheets.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out}: already exists and may hold filled sheets; give a new folder")
    key, by_name = study.key, {shown.item: shown for shown in study.shown}
    with new_folder(out) as folder:
        key.write(folder)
        write_text(folder / SHEETS / "instructions.txt", instructions(key.form))
        for rater, items in key.raters.items():
            path = folder / SHEETS / f"{rater}.csv"
            write_sheet(path, key.form, rater, (by_name[item] for item in items))
        write_text(folder / "label_studio" / "config.xml", label_studio.config(key.form))
        write_json(folder / "label_studio" / "tasks.json", label_studio.tasks(key.form, study.shown))
