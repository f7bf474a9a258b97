"""Writing the folder of an annotation round: a page for each annotator, a Label Studio project, the key."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eva.annotation import label_studio_round
from eva.annotation.assignment import Task, Workload, assign_dialogues, shared_tasks
from eva.annotation.offline_page import page_of
from eva.annotation.round_key import CANDIDATES_FILE, Kind, Round, RoundKey
from eva.artifacts import digest_file, fingerprint, new_folder, write_json, write_text
from eva.data.candidates import FEWEST_RANKED, by_item, read_candidates
from eva.errors import InputError

PAGES, LABEL_STUDIO, ANSWERS = "pages", "label_studio", "answers"


def plan_round(candidates: Path, kind: Kind, work: Workload) -> Round:
    """Draw assignments and orders; they depend on the seed and on the digest of the candidates.

    Raises:
        InputError: the file is damaged, or holds too little for the workload.
    """
    items, sha256 = by_item(read_candidates(candidates)), digest_file(candidates)
    work.check(items, fewest=FEWEST_RANKED if kind is Kind.RANKING else 1)
    rng = np.random.default_rng([work.seed, int(sha256[:16], 16)])
    assignments, shared = assign_dialogues(items, work, rng), shared_tasks(items, rng)
    drawn = [sha256, kind, sorted(assignments), _orders(assignments, shared)]
    return Round(RoundKey(fingerprint(drawn), kind, sha256, assignments, shared, work.seed), items)


def _orders(assignments: Mapping[str, Sequence[Task]], shared: Sequence[Task]) -> list[list[str]]:
    return [[task.item, *task.shown] for tasks in [*assignments.values(), shared] for task in tasks]


def write_round(made: Round, candidates: Path, out: Path) -> None:
    """Write the folder of a round.

    Raises:
        InputError: `out` already has content, which may be answers.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out}: already exists and may hold answers; give a new folder")
    with new_folder(out) as folder:
        made.key.write(folder)
        shutil.copyfile(candidates, folder / CANDIDATES_FILE)
        for annotator, tasks in made.key.assignments.items():
            page = page_of(made.key, annotator, tasks, made.items)
            write_text(folder / PAGES / f"{annotator}.html", page)
        project = folder / LABEL_STUDIO
        write_text(project / "config.xml", label_studio_round.config(made.key.kind))
        write_json(project / "tasks.json", label_studio_round.tasks(made))
        (folder / ANSWERS).mkdir()
