"""Sample dialogues of the test split, with the responses of all variants side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eva.data.dialogue import LEVEL_NAMES
from eva.data.responses import Response
from eva.report.inputs import ReportInputs, Scored

_TURNS = 4  # turns shown per dialogue: one per quartile if it is long enough


@dataclass(frozen=True)
class Answer:
    """The response of one variant; `level` is the classifier's label in words, or None."""

    author: str
    text: str
    level: str | None


@dataclass(frozen=True)
class SampleTurn:
    """The user's last message, the human supporter's response, and the variants' responses."""

    number: int
    n_turns: int
    user: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class SampleDialogue:
    """Some turns of one test dialogue; `seed` is the training seed whose responses are shown."""

    corpus: str
    backbone: str
    seed: int
    dialogue_id: str
    slices: dict[str, str]
    turns: tuple[SampleTurn, ...]


def sample_dialogues(inputs: ReportInputs) -> list[SampleDialogue]:
    """`inputs.samples` dialogues per corpus and backbone, evenly spaced over those with all variants."""
    applicable = [scored for scored in inputs.scored if scored.scores]
    keys = dict.fromkeys((s.item.corpus, s.item.backbone) for s in applicable)
    found = []
    for corpus, backbone in keys:
        members = [s for s in applicable if (s.item.corpus, s.item.backbone) == (corpus, backbone)]
        seed = min(scored.item.seed for scored in members)
        shown = [scored for scored in members if scored.item.seed == seed]
        found += [_dialogue(shown, name) for name in _evenly(_shared(shown), inputs.samples)]
    return found


def sample_table(dialogues: Sequence[SampleDialogue]) -> dict[str, list[Any]]:
    """The shown turns with one row per author, as MLflow shows tables: `columns` and `data`."""
    columns = ["corpus", "backbone", "dialogue", "turn", "of", "user", "author", "level", "response"]
    rows = [
        [one.corpus, one.backbone, one.dialogue_id, turn.number, turn.n_turns, turn.user,
         answer.author, answer.level, answer.text]
        for one in dialogues for turn in one.turns for answer in turn.answers
    ]  # fmt: skip
    return {"columns": columns, "data": rows}


def _shared(members: Sequence[Scored]) -> list[str]:
    answered = [{row.dialogue_id for row in scored.rows} for scored in members]
    return sorted(set.intersection(*answered))


def _evenly(names: Sequence[str], wanted: int) -> list[str]:
    count = min(wanted, len(names))
    return [names[place * len(names) // count] for place in range(count)]


def _dialogue(members: Sequence[Scored], name: str) -> SampleDialogue:
    first = members[0].item
    by_variant = {
        scored.item.variant: {row.turn: row for row in scored.rows if row.dialogue_id == name}
        for scored in members
    }
    levels = {
        scored.item.variant: {
            label["turn"]: label.get("level")
            for label in scored.scores.labels
            if label["dialogue_id"] == name
        }
        for scored in members
        if scored.scores
    }
    rows = by_variant[first.variant]
    turns = [_turn(rows[number], by_variant, levels) for number in _spread(sorted(rows))]
    slices = dict(next(iter(rows.values())).slices)
    return SampleDialogue(first.corpus, first.backbone, first.seed, name, slices, tuple(turns))


def _spread(turns: Sequence[int]) -> list[int]:
    """At most `_TURNS` of the turns, from the first to the last."""
    count = min(_TURNS, len(turns))
    last = len(turns) - 1
    return [turns[round(place * last / max(count - 1, 1))] for place in range(count)]


def _turn(
    row: Response,
    by_variant: Mapping[str, Mapping[int, Response]],
    levels: Mapping[str, Mapping[int, int | None]],
) -> SampleTurn:
    answers = [Answer("human", row.reference, level_name(row.reference_level))] if row.reference else []
    for variant, rows in by_variant.items():
        level = levels[variant].get(row.turn)
        answers.append(Answer(variant, rows[row.turn].response, level_name(level)))
    return SampleTurn(row.turn, row.n_turns, row.history[-1]["content"], tuple(answers))


def level_name(level: int | None) -> str | None:
    """A level as text for the page: its number and name."""
    if level is None:
        return None
    return f"L{level} {LEVEL_NAMES[level]}" if level in LEVEL_NAMES else "no level"
