"""Collecting of candidates: each chosen supporter turn is responded to several times (Appendix E).

A served model is asked request by request, a local one dialogue by dialogue; both continue after an
interruption, and no request is paid for twice.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import digest_path, new_folder, write_json, write_jsonl
from eva.collection.budget import BudgetedAnswers
from eva.collection.faults import FAULTS, fault_of, is_duplicate
from eva.data.candidates import HUMAN, Candidate, write_candidates
from eva.data.dialogue import Dialogue, SupporterTurn, subset
from eva.data.responses import Response
from eva.errors import InputError
from eva.generation.answers import Answer, bill
from eva.generation.local import answer_turns
from eva.generation.remote import Ask, answer_asks
from eva.manifest import seal
from eva.models.endpoint import FILE, Served, is_served
from eva.models.loading import Policy, Start
from eva.models.prompts import LEVEL_PROMPTS
from eva.settings.collect_section import Collection
from eva.settings.generate_section import Generate

log = logging.getLogger(__name__)

_RAISED = {"over_long": "max_words", "cut_off": "generate.max_new_tokens"}  # which setting a fault asks for
CANDIDATES, LEFT_OUT, ABOUT = "candidates.jsonl", "left_out.jsonl", "collection.json"


@dataclass(frozen=True)
class Collected:
    """The candidates, the responses that are none (rows with their `fault`), and what was counted."""

    candidates: list[Candidate]
    left_out: list[dict[str, Any]]
    about: dict[str, Any]

    @property
    def counts(self) -> dict[str, float]:
        """The numbers, for metrics."""
        found = {name: self.about[name] for name in ("items", "asked", "candidates", "items_left_out")}
        faults = {f"left_out/{name}": n for name, n in self.about["left_out"].items()}
        return found | faults | {name: n for name, n in self.about["usage"].items() if n is not None}


@dataclass(frozen=True)
class _Answered:
    """An ask with the level that it asked for and its response."""

    turn: SupporterTurn
    level: int | None
    response: Response


def chosen_turns(settings: Collection, splits: Mapping[str, Sequence[Dialogue]]) -> list[SupporterTurn]:
    """The supporter turns to collect for: of train and valid dialogues that the help-seeker starts.

    Test dialogues are never used (ADR 13).
    """
    sizes = {"train": settings.train, "valid": settings.valid}
    dialogues = [one for split, size in sizes.items() for one in subset(_usable(splits[split]), size)]
    found = [turn for one in dialogues for turn in subset(list(one.supporter_turns()), settings.turns)]
    if not found:
        raise InputError(
            f"collect: corpus {settings.corpus} has no train or valid dialogue that the help-seeker starts"
        )
    return found


def collect(
    settings: Collection,
    turns: Sequence[SupporterTurn],
    model: Path,
    generate: Generate,
    answers: Path,
    checkpoints: Path,
) -> Collected:
    """The candidates for `turns` from the model in a folder (weights, an endpoint, or what sft wrote).

    `generate` says how it is decoded. Responses are kept in `answers` (of an endpoint) or `checkpoints`.

    Raises:
        InputError: the model refuses or cannot be reached, the budget is used up, or nothing usable came.
    """
    asks = [(level, Ask(turn, prompt, seed)) for turn in turns for level, prompt, seed in _ways(settings)]
    if is_served(model):
        served = Served.read(model / FILE)
        responses, usage = _remote(served, settings, [one for _, one in asks], generate, answers)
        source = served.model
    else:
        policy = _policy(model)
        responses, usage = _local(policy, [one for _, one in asks], generate, checkpoints), {}
        source = model.name
    answered = [
        _Answered(one.turn, level, response) for (level, one), response in zip(asks, responses, strict=True)
    ]
    origin = {
        "model": source,
        "model_digest": digest_path(model),
        "generate": generate.model_dump(mode="json"),
    }
    return _sorted_out(settings, turns, answered, source, {"usage": usage, **origin})


def write(collected: Collected, out: Path) -> None:
    """Write the folder `out` atomically: candidates, what was left out and why, counts, and a manifest."""
    with new_folder(out) as folder:
        write_candidates(folder / CANDIDATES, collected.candidates)
        write_jsonl(folder / LEFT_OUT, collected.left_out)
        write_json(folder / ABOUT, collected.about)
        seal(folder, [folder / name for name in (CANDIDATES, LEFT_OUT, ABOUT)])


def _usable(dialogues: Iterable[Dialogue]) -> list[Dialogue]:
    return [one for one in dialogues if one.turns and one.turns[0].role == "user" and one.n_supporter_turns]


def _ways(settings: Collection) -> list[tuple[int | None, str, int]]:
    """Level, prompt and seed of each response to a turn."""
    if settings.how == "levels":
        return [(level, f"level{level}", settings.seed) for level in LEVEL_PROMPTS]
    return [(None, "eva", settings.seed + number) for number in range(settings.samples)]


def _remote(
    served: Served, settings: Collection, asks: Sequence[Ask], generate: Generate, store: Path
) -> tuple[list[Response], dict[str, float | None]]:
    kept = BudgetedAnswers(store, served.limits, settings.budget)
    responses, given = answer_asks(served, asks, generate, kept)
    return responses, _bill(given, served)


def _bill(given: Sequence[Answer], served: Served) -> dict[str, float | None]:
    usage = bill(given, served.limits)
    log.info("%s: %d responses, %s", served.model, len(given), usage)
    return usage


def _local(policy: Policy, asks: Sequence[Ask], generate: Generate, store: Path) -> list[Response]:
    groups: dict[tuple[str, int], list[int]] = {}
    for number, one in enumerate(asks):
        groups.setdefault((one.prompt, one.seed), []).append(number)
    found: dict[int, Response] = {}
    for (prompt, seed), numbers in groups.items():
        own = Policy(policy.model, policy.adapter, prompt, policy.fingerprint)
        turns = [asks[number].turn for number in numbers]
        found.update(zip(numbers, answer_turns(own, turns, generate, seed, store), strict=True))
    return [found[number] for number in range(len(asks))]


def _policy(model: Path) -> Policy:
    """The model of a folder: its own weights, or those to which the stage sft points."""
    if not (model / "start.json").is_file():
        return Policy(str(model), None, "eva", None)
    start = Start.read(model / "start.json")
    if start.inapplicable:
        raise InputError(f"collect: {model} has no model: {start.inapplicable}; name another folder")
    return Policy(start.model, None, "eva", start.fingerprint)


def _sorted_out(
    settings: Collection,
    turns: Sequence[SupporterTurn],
    answered: Sequence[_Answered],
    source: str,
    about: Mapping[str, Any],
) -> Collected:
    items: dict[tuple[str, int], list[Candidate]] = {turn.key: [] for turn in turns}
    left_out = []
    if settings.human:
        for turn in turns:
            items[turn.key].append(Candidate.at(turn, turn.gold.content, None, HUMAN))
    for one in answered:
        own, text = items[one.turn.key], one.response.response
        fault = fault_of(one.response, settings.max_words)
        if fault is None and is_duplicate(text, own):
            fault = "duplicate"
        if fault is None:
            own.append(Candidate.at(one.turn, text, one.level, source))
        else:
            left_out.append({"item": _item(one.turn), "level": one.level, "fault": fault, "text": text})
    candidates = [one for own in items.values() if len(own) > 1 for one in own]
    short = sum(len(own) < 2 for own in items.values())
    faults = Counter(str(row["fault"]) for row in left_out)
    counted = {
        "settings": settings.model_dump(mode="json"),
        "items": len(items) - short,
        "items_left_out": short,
        "asked": len(answered),
        "candidates": len(candidates),
        "levels": dict(sorted(Counter(str(one.level) for one in candidates).items())),
        "left_out": {name: faults[name] for name in FAULTS},
    }
    _report(counted, faults)
    return Collected(candidates, left_out, {**counted, **about})


def _report(counted: Mapping[str, Any], faults: Mapping[str, int]) -> None:
    for name, number in faults.items():
        log.warning("%d of %d responses are no candidates: %s", number, counted["asked"], FAULTS[name])
    if counted["items_left_out"]:
        log.warning("%d items have fewer than two candidates and are left out", counted["items_left_out"])
    if not counted["candidates"]:
        told = ", ".join(f"{n} {name}" for name, n in faults.items())
        steps = [f"raise {key}" for name, key in _RAISED.items() if faults[name]]
        remedy = ", ".join([*steps, "or use another model"] if steps else ["use another model"])
        raise InputError(
            f"collect: none of {counted['asked']} responses left an item with two candidates ({told}). "
            f"They are kept; {remedy}"
        )


def _item(turn: SupporterTurn) -> str:
    return f"{turn.dialogue.id}:{turn.ordinal}"
