"""Responses that are not what they should be are counted, each in one class only."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eva.data.esconv import load_esconv
from eva.data.responses import Response
from eva.metrics.english import looks_english
from eva.metrics.score import score
from eva.settings.evaluate_section import Evaluate

Rows = Callable[..., list[Response]]


def test_each_defect_is_the_share_of_its_responses(make_rows: Rows, settings: Evaluate) -> None:
    texts = ["I hear you.", "I hear", "", "", "", "I see.", "So, what then?", "Tell me more."]
    ends = ["stop", "length", "length", "filtered", "stop", None, None, None]
    rows = [replace(row, finish=end) for row, end in zip(make_rows({"a": texts}), ends, strict=True)]
    found = score(rows, ["defect"], settings=settings).metrics
    values = {name.partition("/")[2]: (one.value, one.n) for name, one in found.items()}
    assert values == {
        "truncated": (40, 5),
        "withheld": (20, 5),
        "empty": (12.5, 8),
        "unmarked": (None, 0),
        "not_english": (0, 8),
    }


def test_what_a_file_does_not_say_is_not_measured(make_rows: Rows, settings: Evaluate) -> None:
    found = score(make_rows({"a": ["I see."]}), ["defect"], settings=settings).metrics
    assert {name for name, one in found.items() if one.measured} == {"defect/empty", "defect/not_english"}


def test_answers_without_a_thought_are_unmarked(make_rows: Rows, settings: Evaluate) -> None:
    rows = make_rows({"a": ["x"] * 5})
    marked = [replace(row, marked=row.turn != 2) for row in rows[:4]]
    found = score([*marked, rows[4]], ["defect/unmarked"], settings=settings).metrics["defect/unmarked"]
    assert (found.value, found.n) == (25, 4)


@pytest.mark.parametrize(
    "text",
    [
        "Es tut mir leid, dass du deine Arbeit verloren hast. Wie geht es dir heute?",
        "Das muss wirklich schwer für dich gewesen sein, so allein in der neuen Stadt.",
        "Je suis désolé d'apprendre que tu as perdu ton travail, comment te sens-tu?",
        "No es tu culpa, a veces las cosas no salen como uno quiere.",
        "Mi dispiace molto per quello che ti è successo, come stai adesso?",
        "Dat was vast heel moeilijk voor jou, ik begrijp het wel.",
        "Det måste ha varit svårt för dig, jag förstår hur du känner.",
        "Przykro mi, że straciłeś pracę, jak się teraz czujesz?",
        "Я тебя понимаю",
        "我听到你说的了",
        "grlb tnn ooq wug zuv blick",
    ],
)
def test_other_languages_do_not_look_english(text: str) -> None:
    assert not looks_english(text)


@pytest.mark.parametrize("text", ["", "...", "Definitely, worth a try.", "So sorry!", "Wie geht's?"])
def test_too_little_text_counts_as_english(text: str) -> None:
    assert looks_english(text)


def test_what_people_write_in_english_looks_english(shared_data: Path) -> None:
    loaded = load_esconv(shared_data / "esconv").splits.values()
    turns = [turn.content for split in loaded for one in split for turn in one.turns]
    foreign = [text for text in turns if not looks_english(text)]
    assert len(turns) > 20_000
    assert len(foreign) < 0.002 * len(turns), foreign[:5]
