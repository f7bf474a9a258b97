"""The rules for a prepared corpus, from which Great Expectations suites are built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eva.data.corpora import format_of
from eva.data.dialogue import LEVELS
from eva.settings.corpora_section import Corpus
from eva.settings.validate_section import Validate


@dataclass(frozen=True)
class Rule:
    """One expectation: its class in Great Expectations, its arguments, and its requirement as text.

    `what` describes a row that breaks it: a format string with the columns of the row.
    """

    name: str
    expectation: str
    arguments: Mapping[str, Any] = field(repr=False)
    requirement: str
    what: str


def rules(corpus: Corpus, settings: Validate) -> dict[str, list[Rule]]:
    """The rules for each table of `frames.build`."""
    return {
        "splits": _splits(corpus),
        "dialogues": _dialogues(corpus, settings),
        "turns": _turns(corpus, settings),
        "labels": _labels(settings),
    }


def required_dialogues(corpus: Corpus) -> dict[str, int]:
    """The smallest number of dialogues of each split."""
    held_out = 1 if format_of(corpus).held_out else 0
    return {"train": corpus.min_dialogues, "valid": held_out, "test": held_out}


def preference_rules() -> list[Rule]:
    """The rules for an EVAD file whose histories come from the corpus."""
    return [
        present("preference pairs"),
        unique("record_unique", "dialogue", "an ID occurs once", "the ID occurs more than once"),
        in_set(
            "history_in_corpus",
            "in_corpus",
            [True],
            "a history is the beginning of a dialogue",
            "no dialogue of the corpus begins with this history",
        ),
        in_set(
            "candidates_differ",
            "same_text",
            [False],
            "chosen and rejected differ",
            "chosen and rejected are the same text",
        ),
        *level_rules(),
    ]


def level_rules() -> list[Rule]:
    """The rules for the levels of a pair; either may be unknown."""
    return [
        in_set(f"{side}_level", f"{side}_level", list(LEVELS), "levels are 1 to 4",
               f"{side} level {{{side}_level!r}}")
        for side in ("chosen", "rejected")
    ]  # fmt: skip


def _splits(corpus: Corpus) -> list[Rule]:
    return [
        present("splits"),
        Rule(
            "enough_dialogues",
            "ExpectColumnPairValuesAToBeGreaterThanB",
            {"column_A": "dialogues", "column_B": "required", "or_equal": True},
            f"train has at least {corpus.min_dialogues} dialogues, a held-out split at least one",
            "{dialogues} dialogues, at least {required} needed",
        ),
    ]


def _dialogues(corpus: Corpus, settings: Validate) -> list[Rule]:
    emotions = list(format_of(corpus).emotions)
    return [
        present("dialogues"),
        null("schema", "schema_fault", "a row is a dialogue of this corpus", "{schema_fault}"),
        unique("id_unique", "dialogue", "an id occurs once", "the id occurs more than once"),
        null(
            "id_in_one_split",
            "other_split",
            "no dialogue is in two splits (by id)",
            "the id is also in {other_split}",
        ),
        null(
            "text_in_one_split",
            "text_in_other_split",
            "no dialogue is in two splits (by text)",
            "the same text is also in {text_in_other_split}",
        ),
        between(
            "enough_turns",
            "n_turns",
            f"a dialogue has at least {settings.min_turns} turns",
            "only {n_turns} turn(s)",
            min_value=settings.min_turns,
        ),
        in_set(
            "user_first",
            "first_role",
            ["user"],
            "the help-seeker starts",
            "the first turn is the {first_role}'s",
        ),
        in_set(
            "both_speakers", "speakers", [2], "both speakers take part", "{speakers} speaker(s) instead of 2"
        ),
        in_set(
            "emotion_known",
            "emotion",
            emotions,
            f"the emotion is one of the corpus's {len(emotions)}",
            "emotion {emotion!r}",
        ),
    ]


def _turns(corpus: Corpus, settings: Validate) -> list[Rule]:
    longest = settings.max_turn_characters
    found = [
        present("turns"),
        in_set("role_known", "role", ["user", "assistant"], "a role is user or assistant", "role {role!r}"),
        in_set(
            "speakers_alternate",
            "same_speaker",
            [False],
            "speakers alternate after joining",
            "the speaker is that of the turn before",
        ),
        between("turn_has_text", "words", "no turn is empty", "the text is empty", min_value=1),
        between(
            "turn_length",
            "characters",
            f"a turn has at most {longest} characters",
            "{characters} characters",
            max_value=longest,
        ),
        null(
            "strategy_known",
            "unknown_strategy",
            "a strategy is one of the corpus's",
            "strategy {unknown_strategy!r}",
        ),
    ]
    if format_of(corpus).strategies:
        requirement = "every supporter turn has a strategy"
        found.append(between("supporter_labelled", "labels", requirement, "no strategy", min_value=1))
    return found


def _labels(settings: Validate) -> list[Rule]:
    share = settings.max_label_share
    requirement = f"no strategy or emotion exceeds {share:.0%} of train"
    what = "{kind} {label!r} has share {share:.2f}"
    return [present("labels"), between("label_share", "share", requirement, what, max_value=share)]


def present(things: str) -> Rule:
    """A rule that the table has rows; without rows, all rules about columns hold."""
    name = f"{things.replace(' ', '_')}_present"
    arguments = {"min_value": 1}
    return Rule(
        name, "ExpectTableRowCountToBeBetween", arguments, f"there are {things}", f"no {things} at all"
    )


def unique(name: str, column: str, requirement: str, what: str) -> Rule:
    """A rule that no value of `column` occurs twice."""
    return Rule(name, "ExpectColumnValuesToBeUnique", {"column": column}, requirement, what)


def null(name: str, column: str, requirement: str, what: str) -> Rule:
    """A rule that all cells of `column` are empty."""
    return Rule(name, "ExpectColumnValuesToBeNull", {"column": column}, requirement, what)


def in_set(name: str, column: str, values: list[Any], requirement: str, what: str) -> Rule:
    """A rule that `column` has only these values; empty cells keep it."""
    arguments = {"column": column, "value_set": values}
    return Rule(name, "ExpectColumnValuesToBeInSet", arguments, requirement, what)


def between(
    name: str,
    column: str,
    requirement: str,
    what: str,
    *,
    min_value: float | None = None,
    max_value: float | None = None,
) -> Rule:
    """A rule that `column` lies between two bounds, of which one may be open; empty cells keep it."""
    arguments = {"column": column, "min_value": min_value, "max_value": max_value}
    return Rule(name, "ExpectColumnValuesToBeBetween", arguments, requirement, what)
