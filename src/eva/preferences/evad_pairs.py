"""Recipes `evad` and `sampled`: pairs of a file in EVAD's format (section 4.1.2), without the test split's.

Where people ranked, the recipe is `evad`; where a machine did, `sampled`, so that the result says so.
"""

import logging
from collections.abc import Mapping, Sequence

from eva.data.dialogue import Dialogue, Preference
from eva.data.evad import EvadMatch, EvadRecord, for_training, match_evad
from eva.errors import InputError, raise_if
from eva.preferences.drawing import draw_balanced, hold_out
from eva.preferences.pair_sets import PreferenceSets, collect
from eva.settings.preferences_section import Preferences

log = logging.getLogger(__name__)


def from_evad(
    settings: Preferences, splits: Mapping[str, list[Dialogue]], records: Sequence[EvadRecord]
) -> PreferenceSets:
    """The pairs of the records whose dialogue may be trained on.

    `splits` has every dialogue of the corpus, including dropped ones, because records are matched by
    their history. Records of the test split are left out and counted; those of the valid split are always
    held out.

    Raises:
        InputError: no dialogue starts with the history of a record, or no record is left.
    """
    _require_rankers(settings.recipe, records)
    matches = match_evad(records, splits)
    lost = [match.record.id for match in matches if match.dialogue is None]
    raise_if((f"record {name}: no dialogue of the corpus starts with this history" for name in lost), "EVAD")
    usable = for_training(matches)
    refused = len(matches) - len(usable)
    if refused:
        log.info("%d of %d preference pairs belong to the test split and are refused", refused, len(matches))
    if not usable:
        raise InputError(
            f"EVAD: all {len(matches)} records belong to test dialogues, which must not be trained on; "
            "give a file with records of train dialogues, or set preferences.recipe to public"
        )
    sampled = settings.recipe == "sampled"  # draws evenly over pairs of levels, as `public` does (ADR 29)
    pairs = [_pair(match) for match in usable]
    distinct = [pair for pair in pairs if pair.chosen != pair.rejected]
    drawn = draw_balanced(
        distinct,
        settings.max_pairs,
        lambda pair: (pair.chosen_level, pair.rejected_level) if sampled else pair.chosen_level,
        f"{settings.seed}:pairs",
    )
    held_out_splits = frozenset(_dialogue_id(match) for match in usable if match.split == "valid")
    names = [pair.dialogue_id for pair in drawn]
    held = hold_out(names, settings.valid_share, f"{settings.seed}:valid", held_out_splits)
    dropped = {"test_split_refused": refused, "chosen_equals_rejected": len(pairs) - len(distinct)}
    supporter_first = sum(match.record.history[0].role == "assistant" for match in usable)
    return collect(settings.recipe, drawn, held, dropped, {"leading_supporter_turn_removed": supporter_first})


def _require_rankers(recipe: str, records: Sequence[EvadRecord]) -> None:
    """Refuse pairs that a machine ranked as EVAD, and people's as machine-made."""
    made = sum(record.machine_made for record in records)
    if recipe == "evad" and made:
        raise InputError(
            f"data.evad: a machine ranked {made} of {len(records)} pairs; set preferences.recipe to sampled, "
            "so that the results say so, or give pairs that people ranked"
        )
    if recipe == "sampled" and made < len(records):
        raise InputError(
            f"data.evad: people ranked {len(records) - made} of {len(records)} pairs; set preferences.recipe "
            "to evad, or give a set that the stage curate made with a classifier or a judge"
        )


def _dialogue_id(match: EvadMatch) -> str:
    return "" if match.dialogue is None else match.dialogue.id


def _pair(match: EvadMatch) -> Preference:
    """One pair; a first turn of the supporter is removed, because chat templates refuse it (ADR 8)."""
    record = match.record
    said = record.history[1:] if record.history[0].role == "assistant" else record.history
    return Preference(
        id=record.id,
        dialogue_id=_dialogue_id(match),
        turn=match.turn,
        n_turns=match.n_turns,
        history=tuple({"role": turn.role, "content": turn.content} for turn in said),
        chosen=record.chosen,
        rejected=record.rejected,
        chosen_level=record.chosen_level,
        rejected_level=record.rejected_level,
        source=record.source,
    )
