"""Annotators whose error rates are known. No person is behind their answers.

Usage: python docs/studies/simulated_annotators.py candidates FILE.jsonl [DIALOGUES] [TURNS]
       python docs/studies/simulated_annotators.py answer ROUND RATE [RATE ...]

`candidates` writes invented contexts, each with a candidate of every level. `answer` fills the pages of a
round, as `eva annotate export` wrote it, and writes the files that the pages would export: annotator i
errs with the i-th rate (the rates are repeated as often as needed). An annotator who errs takes another
candidate than the true best for the best, any of them alike, and ranks the rest at random. The true order
goes by how far a candidate's level is from the quarter of the dialogue, of a level by that level.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eva.annotation.assignment import Task
from eva.annotation.offline_page import FORMAT
from eva.annotation.round_key import Kind, Round
from eva.artifacts import write_text
from eva.data.candidates import Candidate, write_candidates
from eva.data.dialogue import LEVELS

# Reading aloud or silently, adults differ by a fifth of 238 words a minute (Brysbaert 2019); tasks of one
# person differ more, and deciding takes time.
WORDS_PER_SECOND, BETWEEN_PEOPLE, BETWEEN_TASKS = 238 / 60, 0.25, 0.4
DECIDING = 2.0  # seconds for each candidate
_WORDS = "feel low about work and my friend said it is fine but nobody listens when we talk".split()  # noqa: SIM905


def invented(n_dialogues: int, n_turns: int, seed: int = 0) -> list[Candidate]:
    """Candidates of every level for every turn of dialogues that consist of random words."""
    rng = np.random.default_rng(seed)

    def said(n: int) -> str:
        return " ".join(_WORDS[i] for i in rng.integers(len(_WORDS), size=n)).capitalize() + "."

    found = []
    for dialogue in range(n_dialogues):
        history: list[Mapping[str, str]] = []
        for turn in range(1, n_turns + 1):
            history.append({"role": "user", "content": said(20)})
            for level in LEVELS:
                name = f"{rng.integers(2**32):08x}"
                place = (f"invented-{dialogue:03d}", turn, n_turns, tuple(history))
                found.append(Candidate(*place, name, level, said(30), "invented"))
            history.append({"role": "assistant", "content": said(20)})
    return found


def true_order(candidates: Sequence[Candidate]) -> list[str]:
    """Best first: the level that is as far as the dialogue, then the nearest to it."""
    ranked = sorted(candidates, key=lambda one: (abs((one.level or 9) - one.quartile), one.candidate))
    return [one.candidate for one in ranked]


def erring_order(order: Sequence[str], rate: float, rng: np.random.Generator) -> list[str]:
    """The order, or with probability `rate` one with another first and the rest at random."""
    if len(order) < 2 or rng.random() >= rate:
        return list(order)
    first = order[1 + int(rng.integers(len(order) - 1))]
    rest = [name for name in order if name != first]
    return [first, *(rest[i] for i in rng.permutation(len(rest)))]


def reading_time(texts: Sequence[str], pace: float, rng: np.random.Generator) -> float:
    """Seconds for reading the texts at `pace` times the usual speed, and for deciding."""
    words = sum(len(text.split()) for text in texts)
    usual = words / (WORDS_PER_SECOND * pace) + DECIDING * len(texts)
    return usual * float(np.exp(BETWEEN_TASKS * rng.standard_normal()))


def answer(folder: Path, rates: Sequence[float], seed: int = 0) -> None:
    """Write `answers/annotator_*.json` of a round."""
    made = Round.read(folder)
    for i, (annotator, tasks) in enumerate(made.key.assignments.items()):
        rng = np.random.default_rng([seed, i])
        pace = float(np.exp(BETWEEN_PEOPLE * rng.standard_normal()))
        rows = [answer_task(made, task, rates[i % len(rates)], pace, rng) for task in tasks]
        write_text(folder / "answers" / f"{annotator}.json", page_export(made, annotator, rows))


def answer_task(
    made: Round, task: Task, rate: float, pace: float, rng: np.random.Generator
) -> dict[str, object]:
    """One answer as the page stores it."""
    found = {one.candidate: one for one in made.items[task.item]}
    seconds = reading_time([one.text for one in found.values()], pace, rng)
    order: list[str] = []
    levels: list[int] = []
    if made.key.kind is Kind.RANKING:
        order = erring_order(true_order(made.items[task.item]), rate, rng)
    else:
        levels = [_erring_level(found[name].level or 0, rate, rng) for name in task.shown]
    return {
        "task": task.name,
        "order": [task.shown.index(name) for name in order],
        "unusable": [],
        "levels": levels,
        "ms": int(1000 * seconds),
        "answered": "2026-01-01T00:00:00.000Z",
    }


def _erring_level(level: int, rate: float, rng: np.random.Generator) -> int:
    return level if rng.random() >= rate else int((level + rng.integers(1, 5)) % 5)


def page_export(made: Round, annotator: str, rows: Sequence[Mapping[str, object]], **header: str) -> str:
    """The file that the page of an annotator exports."""
    body = {
        "format": FORMAT,
        "project": made.key.project,
        "kind": made.key.kind,
        "annotator": annotator,
        "session": f"session of {annotator}",
        "person": "a script",
        "exported": "2026-01-01T00:00:00.000Z",
        **header,
        "answers": list(rows),
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return f'{text[:-1]},"sha256":"{hashlib.sha256(text.encode()).hexdigest()}"}}\n'


if __name__ == "__main__":
    command, path, *rest = sys.argv[1:]
    if command == "candidates":
        write_candidates(Path(path), invented(*(int(n) for n in rest or ["100", "10"])))
    else:
        answer(Path(path), [float(rate) for rate in rest])
