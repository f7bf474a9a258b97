"""Who ranks the candidates of a collection: people, a level classifier or a judge model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import digest_file, read_json
from eva.collection.collecting import ABOUT, CANDIDATES
from eva.collection.pairs import Pair, pairs_by_fit, pairs_by_rank
from eva.collection.ranking import levels_of, name_of_classifier, rank_by_fit, rank_by_judge
from eva.data.candidates import PEOPLE, Candidate, Ranked, read_candidates, read_ranked
from eva.data.dialogue import LEVELS, Dialogue
from eva.data.evad import MACHINE_MADE
from eva.data.prepare import level_counts
from eva.errors import InputError
from eva.generation.answers import Answers
from eva.manifest import folder_fault
from eva.models.endpoint import FILE, Served, is_served
from eva.preferences.public import QUARTILES, fitting_levels

_SAMPLED, _JUDGED = MACHINE_MADE


@dataclass(frozen=True)
class Judged:
    """The pairs, the ranking that they come from, what was left out, and where all of it comes from."""

    pairs: list[Pair]
    ranked: list[Ranked]
    left_out: dict[str, int]
    about: dict[str, Any]


def rank(folder: Path, ranking: Path, splits: Mapping[str, Sequence[Dialogue]], answers: Path) -> Judged:
    """Pairs from the candidates in `folder`, ranked by `ranking`.

    That is a `ranked.jsonl`, or the folder of a level classifier or of an endpoint.

    Raises:
        InputError: a file is damaged or of another collection, or `ranking` is none of the three.
    """
    candidates = read_collection(folder)
    if ranking.is_file():
        ranked = read_ranked(ranking, candidates)
        pairs, left_out = pairs_by_rank(candidates, ranked, _machine_of(ranked))
    elif is_served(ranking):
        ranked = rank_by_judge(candidates, Served.read(ranking / FILE), Answers(answers), seed=0)
        pairs, left_out = pairs_by_rank(candidates, ranked, _JUDGED)
    elif (ranking / "labels.json").is_file():
        pairs, ranked, left_out = _by_levels(candidates, ranking, splits["train"])
    else:
        raise InputError(
            f"{ranking}: neither a ranked.jsonl nor the folder of a level classifier or of an endpoint"
        )
    about = read_json(folder / ABOUT)
    origin = {
        "candidates": digest_file(folder / CANDIDATES)[:16],
        "model": about["model"],
        "ranker": ranked[0].ranker,
        "machine_made": any(pair.machine for pair in pairs),
    }
    return Judged(pairs, ranked, left_out, origin)


def read_collection(folder: Path) -> list[Candidate]:
    """The candidates of a folder that `collecting.write` wrote; `InputError` if it was damaged."""
    fault = folder_fault(folder)
    if fault:
        raise InputError(f"{folder}: {fault}; collect again, or restore the folder")
    return read_candidates(folder / CANDIDATES)


def lifts(dialogues: Sequence[Dialogue]) -> dict[int, dict[int, float]]:
    """Quartile -> level -> P(level | quartile) / P(level), over weak levels of the dialogues (ADR 11)."""
    counts = level_counts(dialogues)
    total = max(1, sum(map(sum, counts.values())))
    found: dict[int, dict[int, float]] = {}
    for quarter in QUARTILES:
        here = max(1, sum(row[quarter - 1] for row in counts.values()))
        found[quarter] = {
            level: counts[str(level)][quarter - 1] / here / max(1, sum(counts[str(level)])) * total
            for level in LEVELS
        }
    return found


def _by_levels(
    candidates: Sequence[Candidate], classifier: Path, train: Sequence[Dialogue]
) -> tuple[list[Pair], list[Ranked], dict[str, int]]:
    levels, ranker = levels_of(candidates, classifier), name_of_classifier(classifier)
    usable = [one for one in train if one.turns and one.turns[0].role == "user"]
    ranked = rank_by_fit(candidates, levels, lifts(usable), ranker)
    pairs, left_out = pairs_by_fit(candidates, levels, fitting_levels(usable), ranker)
    return pairs, ranked, left_out


def _machine_of(ranked: Sequence[Ranked]) -> str:
    """What the records of a ranking from a file are marked as; empty where people ranked."""
    rankers = {one.ranker for one in ranked}
    if len(rankers) > 1:
        raise InputError(f"ranked.jsonl: several rankers ({', '.join(sorted(rankers))}); give a file of one")
    (ranker,) = rankers
    if ranker == PEOPLE:
        return ""
    return _JUDGED if ranker.startswith("judge:") else _SAMPLED
