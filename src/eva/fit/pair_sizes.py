"""Token counts of preference pairs, processed pair by pair or as dialogue trees."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from eva.data.dialogue import Preference, SupporterTurn
from eva.fit.text_sizes import Count, Sequences, measure, sequence
from eva.models.prompts import system_prompt
from eva.settings.dpo_section import Dpo
from eva.settings.preferences_section import Preferences

_FRAME = 5  # of a turn, by the chat template
# Pairs of recipe `public` on ESConv, and of them in a dialogue: within turns, and of whole turns.
_WITHIN_TURNS = (339, 1.3)
_WHOLE_TURNS = (2830, 6.0)
_PROMPT, _ANSWER = 420, 30  # tokens


@dataclass(frozen=True)
class PairSize:
    """The tokens of a pair's history (`prompt`) and of its two responses."""

    dialogue: str
    prompt: int
    answers: tuple[int, int]


@dataclass(frozen=True)
class Pairs:
    """Training and held-out pairs, and the prompts for which the backbone generates rejected responses.

    `asked` has for each dialogue the tokens of its longest prompt and the number of responses.
    """

    train: Sequence[PairSize]
    valid: Sequence[PairSize]
    asked: Sequence[tuple[int, int]] = ()


def measured_pair(pair: Preference, count: Count, room: int) -> PairSize:
    """The token counts of a pair; a history longer than `room` loses its oldest turns."""
    answers = (count(pair.chosen) + 1, count(pair.rejected) + 1)
    head = count(system_prompt("eva")) + 2 * _FRAME
    prompt = head + sum(count(message["content"]) + _FRAME for message in pair.history)
    return PairSize(pair.dialogue_id, min(prompt, room - max(answers)), answers)


def one_by_one(pairs: Sequence[PairSize]) -> Sequences:
    """Two sequences per pair, each a history and a response."""
    total = Sequences()
    for pair in pairs:
        for answer in pair.answers:
            total += sequence(pair.prompt + answer, answer)
    return total


def as_trees(pairs: Sequence[PairSize], batch: int, limit: int) -> Sequences:
    """The sequences of `eva.training.pair_batch` for batches of pairs: the history of a dialogue only once.

    A sequence has at most `limit` tokens. Attention uses an explicit mask, so it costs twice as much as
    causal attention.
    """
    total = Sequences()
    ordered = sorted(pairs, key=lambda pair: pair.dialogue)
    for start in range(0, len(ordered), batch):
        held = scored = 0
        for _, group in groupby(ordered[start : start + batch], key=lambda pair: pair.dialogue):
            members = list(group)
            answers = sum(sum(pair.answers) for pair in members)
            tree = max(pair.prompt for pair in members) + answers
            if held and held + tree > limit:
                total += _masked(held, scored)
                held = scored = 0
            held, scored = held + tree, scored + answers
        total += _masked(held, scored)
    return total


def fullest(pairs: Sequence[PairSize], batch: int, limit: int) -> tuple[int, int]:
    """Tokens, and tokens with a loss, of the largest reading that a batch can hold.

    Dialogues come in a random order, so some batch has the longest ones: as many as fit into `limit`.
    """
    ordered = sorted(pairs, key=lambda pair: pair.dialogue)
    trees = []
    for _, group in groupby(ordered, key=lambda pair: pair.dialogue):
        members = list(group)[:batch]
        answers = sum(sum(pair.answers) for pair in members)
        trees.append((max(pair.prompt for pair in members) + answers, answers, len(members)))
    held = scored = number = 0
    for tokens, answers, members_of in sorted(trees, reverse=True):
        if number >= batch or (held and held + tokens > limit):
            break
        held, scored, number = held + tokens, scored + answers, number + members_of
    return held, scored


def _masked(length: int, scored: int) -> Sequences:
    return Sequences(1, length, 2 * length**2, scored, length)


def published_pairs(section: Preferences, dpo: Dpo) -> Pairs:
    """The approximate pairs of the recipe for the published ESConv."""
    known, per_dialogue = _WITHIN_TURNS if section.rejected == "same_turn" else _WHOLE_TURNS
    n = min(section.max_pairs or known, known)
    held = round(n * section.valid_share)
    each = n / max(1, min(n, known // per_dialogue))
    prompt = min(_PROMPT, dpo.max_length - _ANSWER)
    made = [PairSize(f"{number / each:08.0f}", prompt, (_ANSWER, _ANSWER)) for number in range(n)]
    by_model = section.recipe == "public" and section.rejected in {"model", "mixed"}
    share = 0.5 if section.rejected == "mixed" else 1.0
    asked = [(prompt, 1)] * round(n * share) if by_model else []
    return Pairs(made[held:], made[:held], asked)


def asked_prompts(turns: Sequence[SupporterTurn], count: Count, room: int) -> list[tuple[int, int]]:
    """For each dialogue, the tokens of its longest prompt and the number of responses."""
    longest: dict[str, tuple[int, int]] = {}
    for turn in turns:
        said = measure(turn.dialogue, count).span(0, turn.index)
        length, answers = longest.get(turn.dialogue.id, (0, 0))
        longest[turn.dialogue.id] = (max(length, min(said, room)), answers + 1)
    return list(longest.values())
