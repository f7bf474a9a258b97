"""Recipe `public`: pairs from a corpus with strategies, for want of EVAD (ADR 12, 29).

Chosen is what a human supporter said at a weak level that fits its position. Rejected is another
utterance of the same turn, of a level that does not fit. For comparison, it can be what the untouched
backbone says there or a human turn from elsewhere, which teach more than the level.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from eva.data.dialogue import LEVELS, Dialogue, Preference, SupporterTurn, supporter_turns
from eva.data.prepare import level_counts
from eva.errors import InputError
from eva.preferences.drawing import DrawRejected, draw_balanced, hold_out
from eva.preferences.pair_sets import PreferenceSets, collect
from eva.preferences.same_turn import pairs_within_turns
from eva.settings.preferences_section import Preferences

QUARTILES = (1, 2, 3, 4)


@dataclass(frozen=True)
class Rejection:
    """A rejected response, its weak level if a human wrote it, and its author (`model` or `human`)."""

    text: str
    level: int | None
    author: str


def from_public(
    settings: Preferences, dialogues: Sequence[Dialogue], draw_rejected: DrawRejected | None
) -> PreferenceSets:
    """Pairs from training dialogues; `draw_rejected` gives the backbone's responses.

    Human rejections from elsewhere come from a dialogue of the same side (train or held out), so that
    no dialogue's words are on both.
    """
    usable = [dialogue for dialogue in dialogues if dialogue.turns and dialogue.turns[0].role == "user"]
    fits = fitting_levels(usable)  # of those that a supporter leads, the beginning is of another kind
    if settings.rejected == "same_turn":
        return _same_turn(settings, dialogues, fits)
    levelled = [turn for turn in supporter_turns(usable) if turn.gold.weak_level]
    fitting = [turn for turn in levelled if turn.gold.weak_level in fits[turn.quartile]]
    if not fitting:
        raise InputError(
            "preferences: no supporter turn has a level that fits its position; the recipe public needs "
            "a corpus with strategies (preferences.corpus), or use the recipe evad"
        )
    chosen = draw_balanced(
        fitting, settings.max_pairs, lambda turn: turn.gold.weak_level, f"{settings.seed}:pairs"
    )
    names = [turn.dialogue.id for turn in levelled]
    held = hold_out(names, settings.valid_share, f"{settings.seed}:valid")
    misfits = [turn for turn in levelled if turn.gold.weak_level not in fits[turn.quartile]]
    rejections = _reject(settings, chosen, _human_pool(misfits, held), held, draw_rejected)
    pairs = [
        _pair(turn, rejection)
        for turn, rejection in zip(chosen, rejections, strict=True)
        if rejection is not None and rejection.text and rejection.text != turn.gold.content
    ]
    dropped = {
        "no_human_misfit_there": sum(rejection is None for rejection in rejections),
        "empty_or_equal": len([r for r in rejections if r is not None]) - len(pairs),
    }
    return collect("public", pairs, held, dropped, _noted(fits))


def _same_turn(
    settings: Preferences, dialogues: Sequence[Dialogue], fits: Mapping[int, list[int]]
) -> PreferenceSets:
    found, dropped = pairs_within_turns(supporter_turns(dialogues), fits)
    if not found:
        raise InputError(
            "preferences: no supporter turn has two utterances of which one's level fits its position and "
            "the other's does not; the recipe public needs a corpus with strategies in which supporters send "
            "several messages in a row (ESConv), or set preferences.rejected to human or model"
        )
    drawn = draw_balanced(
        found,
        settings.max_pairs,
        lambda pair: (pair.chosen_level, pair.rejected_level),
        f"{settings.seed}:pairs",
    )
    held = hold_out([pair.dialogue_id for pair in drawn], settings.valid_share, f"{settings.seed}:valid")
    return collect("public", drawn, held, dropped, _noted(fits))


def _noted(fits: Mapping[int, list[int]]) -> dict[str, dict[str, list[int]]]:
    return {"fitting_levels": {str(quarter): fits[quarter] for quarter in QUARTILES}}


def fitting_levels(dialogues: Sequence[Dialogue]) -> dict[int, list[int]]:
    """Quartile -> the levels that are more frequent in it than overall: P(level | quartile) > P(level)."""
    counts = level_counts(dialogues)
    total = sum(sum(row) for row in counts.values())
    fits: dict[int, list[int]] = {}
    for quarter in QUARTILES:
        here = sum(row[quarter - 1] for row in counts.values())
        fits[quarter] = [
            level
            for level in LEVELS
            if counts[str(level)][quarter - 1] * total > sum(counts[str(level)]) * here
        ]
    return fits


Pool = Mapping[tuple[bool, int], list[SupporterTurn]]


def _human_pool(misfits: Sequence[SupporterTurn], held: set[str]) -> Pool:
    """Human turns of a level that does not fit, by set (held out or not) and quartile."""
    pool: dict[tuple[bool, int], list[SupporterTurn]] = {}
    for turn in misfits:
        pool.setdefault((turn.dialogue.id in held, turn.quartile), []).append(turn)
    return pool


def _reject(
    settings: Preferences,
    chosen: Sequence[SupporterTurn],
    pool: Pool,
    held: set[str],
    draw_rejected: DrawRejected | None,
) -> list[Rejection | None]:
    """One rejected response for each chosen turn; None if there is no suitable human turn."""
    authors = list(_authors(settings, len(chosen)))
    asked = [turn for turn, author in zip(chosen, authors, strict=True) if author == "model"]
    answers = iter(_model_responses(asked, draw_rejected))
    generator = random.Random(f"{settings.seed}:rejected")  # noqa: S311 - a draw that must repeat
    return [
        Rejection(next(answers).strip(), None, "model")
        if author == "model"
        else _human(turn, pool.get((turn.dialogue.id in held, turn.quartile), []), generator)
        for turn, author in zip(chosen, authors, strict=True)
    ]


def _authors(settings: Preferences, count: int) -> Iterator[str]:
    turn_about = ("model", "human")
    for place in range(count):
        yield turn_about[place % 2] if settings.rejected == "mixed" else settings.rejected


def _model_responses(turns: Sequence[SupporterTurn], draw_rejected: DrawRejected | None) -> list[str]:
    if not turns:
        return []
    if draw_rejected is None:
        raise ValueError("rejected responses of the model are wanted, and `draw_rejected` was not given")
    answers = draw_rejected(turns)
    if len(answers) != len(turns):
        raise ValueError(f"`draw_rejected` gave {len(answers)} responses for {len(turns)} turns")
    return answers


def _human(turn: SupporterTurn, pool: Sequence[SupporterTurn], generator: random.Random) -> Rejection | None:
    others = [other for other in pool if other.dialogue.id != turn.dialogue.id]
    if not others:
        return None
    drawn = generator.choice(others)
    return Rejection(drawn.gold.content, drawn.gold.weak_level, "human")


def _pair(turn: SupporterTurn, rejection: Rejection) -> Preference:
    return Preference(
        id=f"{turn.dialogue.id}_{turn.ordinal}",
        dialogue_id=turn.dialogue.id,
        turn=turn.ordinal,
        n_turns=turn.n_turns,
        history=turn.history,
        chosen=turn.gold.content,
        rejected=rejection.text,
        chosen_level=turn.gold.weak_level,
        rejected_level=rejection.level,
        source=f"public:{rejection.author}",
    )
