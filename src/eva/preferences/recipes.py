"""Building and writing the preference pairs with the recipe that the settings name."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from eva.artifacts import new_folder, write_json, write_jsonl
from eva.data.dialogue import Dialogue
from eva.data.evad import EvadRecord
from eva.preferences.drawing import DrawRejected
from eva.preferences.evad_pairs import from_evad
from eva.preferences.measures import Embed, PairMeasures, measure
from eva.preferences.pair_sets import PreferenceSets
from eva.preferences.public import from_public
from eva.settings.preferences_section import Preferences

log = logging.getLogger(__name__)


def build(
    settings: Preferences,
    splits: Mapping[str, list[Dialogue]],
    evad: Sequence[EvadRecord] = (),
    draw_rejected: DrawRejected | None = None,
) -> PreferenceSets:
    """The pairs of the recipe `evad` (from `evad` records) or `public` (from the train split).

    Args:
        settings: section `preferences`.
        splits: all dialogues of the corpus (`eva.data.prepare.read_all`).
        evad: the records of EVAD's file.
        draw_rejected: generates responses of the backbone; needed if `needs_model` is true.
    """
    if settings.recipe == "evad":
        sets = from_evad(settings, splits, evad)
    else:
        sets = from_public(settings, splits["train"], draw_rejected)
    log.info("preferences: %d pairs to train on, %d held out", len(sets.train), len(sets.valid))
    return sets


def needs_model(settings: Preferences) -> bool:
    """Whether the settings ask for responses of the untouched backbone."""
    return settings.recipe == "public" and settings.rejected in {"model", "mixed"}


def measured(sets: PreferenceSets, embed: Embed) -> PairMeasures:
    """What all pairs of both sides can teach; said in the log."""
    found = measure([*sets.train, *sets.valid], embed)
    for name, value in asdict(found).items():
        log.info("preferences: %s %s", name, "unknown" if value is None else f"{value:.3g}")
    return found


def write(sets: PreferenceSets, out: Path) -> None:
    """Write `train.jsonl`, `valid.jsonl` and `statistics.json` into folder `out`, atomically."""
    with new_folder(out) as folder:
        write_jsonl(folder / "train.jsonl", (pair.to_dict() for pair in sets.train))
        write_jsonl(folder / "valid.jsonl", (pair.to_dict() for pair in sets.valid))
        write_json(folder / "statistics.json", sets.statistics)
