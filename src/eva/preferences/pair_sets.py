"""Preference pairs divided into training and held-out sets, with statistics."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eva.data.dialogue import Preference, quartile
from eva.errors import InputError


@dataclass(frozen=True)
class PreferenceSets:
    """Training and held-out pairs (no common dialogue), with statistics of both and of the omitted pairs."""

    train: list[Preference]
    valid: list[Preference]
    statistics: dict[str, Any]


def collect(
    recipe: str,
    pairs: Sequence[Preference],
    held_out: set[str],
    dropped: Mapping[str, int],
    notes: Mapping[str, Any],
) -> PreferenceSets:
    """Divide pairs by dialogue and compute statistics; `InputError` if no pair is left to train on."""
    train = [pair for pair in pairs if pair.dialogue_id not in held_out]
    valid = [pair for pair in pairs if pair.dialogue_id in held_out]
    if not train:
        raise InputError(
            f"preferences: the recipe {recipe} leaves no pair to train on ({len(valid)} held out, "
            f"left out: {dict(dropped)}); lower preferences.valid_share or use more data"
        )
    counted = {side: _count(members) for side, members in (("train", train), ("valid", valid))}
    return PreferenceSets(
        train, valid, {"recipe": recipe, **counted, "left_out": dict(dropped), "notes": dict(notes)}
    )


def _count(pairs: Sequence[Preference]) -> dict[str, Any]:
    return {
        "pairs": len(pairs),
        "dialogues": len({pair.dialogue_id for pair in pairs}),
        "sources": _tally(pair.source for pair in pairs),
        "quartiles": _tally(str(quartile(pair.turn, pair.n_turns)) for pair in pairs),
        "chosen_levels": _tally(_level(pair.chosen_level) for pair in pairs),
        "rejected_levels": _tally(_level(pair.rejected_level) for pair in pairs),
        "mean_words": {
            "chosen": _mean_words(pair.chosen for pair in pairs),
            "rejected": _mean_words(pair.rejected for pair in pairs),
        },
    }


def _tally(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _level(level: int | None) -> str:
    return "unknown" if level is None else str(level)


def _mean_words(texts: Iterable[str]) -> float:
    lengths = [len(text.split()) for text in texts]
    return round(sum(lengths) / len(lengths), 2) if lengths else 0.0
