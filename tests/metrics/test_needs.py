"""What a metric needs of a file of responses, and what is not measured."""

from collections.abc import Callable

import pytest

from eva.data.responses import Response
from eva.errors import InputError
from eva.metrics.catalogue import metric
from eva.metrics.score import score
from eva.metrics.scripts import has_spaces, is_latin
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Resampling, mean_interval

Rows = Callable[..., list[Response]]
CHINESE, THAI, RUSSIAN = "我听到你说的了", "ฉันเข้าใจคุณ", "Я тебя понимаю"
GERMAN = "Für dich muss das übel gewesen sein"


@pytest.mark.parametrize(
    ("text", "spaced", "latin"),
    [
        (CHINESE, False, False),
        ("今日は", False, False),
        (THAI, False, False),
        ("ខ្ញុំយល់", False, False),
        (RUSSIAN, True, False),
        ("나는 당신을 이해해요", True, False),
        (GERMAN, True, True),
        ("I see 你", True, True),
        ("你好吗 ok", False, False),
        ("... 😀 42", True, True),
        ("", True, True),
    ],
)
def test_scripts(text: str, spaced: bool, latin: bool) -> None:
    assert (has_spaces(text), is_latin(text)) == (spaced, latin)


def test_text_that_no_tokeniser_splits_is_refused_and_not_scored_0(
    make_rows: Rows, settings: Evaluate
) -> None:
    rows = make_rows({"a": [CHINESE, CHINESE, "I see"]}, {"a": [CHINESE, CHINESE, "I see"]})
    with pytest.raises(InputError) as caught:
        score(rows, ["overlap", "diversity", "length"], settings=settings)
    message = str(caught.value)
    assert "overlap/rouge_l: 2 of 3 rows are not in Latin letters" in message
    assert "overlap, diversity, length/words: 2 of 3 rows are in a script without spaces" in message
    assert "(line 1, 2)" in message


def test_a_few_such_rows_are_said(make_rows: Rows, settings: Evaluate) -> None:
    rows = make_rows({"a": [RUSSIAN, "I see", "I hear you"]}, {"a": ["I see"] * 3})
    result = score(rows, ["overlap", "length"], settings=settings)
    (note,) = result.notes
    assert note.startswith("overlap/rouge_l: 1 of 3 rows are not in Latin letters")
    assert result.provenance["notes"] == [note]
    assert score(rows[1:], ["overlap", "length"], settings=settings).notes == []


def test_german_equals_itself(make_rows: Rows, settings: Evaluate) -> None:
    found = score(make_rows({"a": [GERMAN]}, {"a": [GERMAN]}), ["overlap"], settings=settings).metrics
    assert [one.value for one in found.values()] == pytest.approx([100, 100, 100])


def test_where_nothing_is_there_nothing_is_measured(make_rows: Rows, settings: Evaluate) -> None:
    rows = make_rows({"a": ["Yes", ""], "b": ["No"]})
    found = score(rows, ["diversity"], settings=settings)
    assert found.metrics["diversity/dist_1"].value == 100
    for name in ("diversity/dist_2", "diversity/dist_2_response"):
        one = found.metrics[name]
        assert (one.value, one.n, one.ci, one.measured) == (None, 0, None, False)
    repeated = score(rows, ["repetition"], settings=settings).metrics
    assert not any(one.measured for one in repeated.values()), "no response is long enough for a phrase"


def test_a_need_that_nothing_could_meet_is_a_mistake_of_the_metric() -> None:
    with pytest.raises(ValueError, match=r"'own/clarity' needs \['laughter'\]; known: \['references'"):
        metric("own/clarity", family="own", unit="", definition="", higher_is_better=None, needs=["laughter"])


def test_no_interval_leaves_what_is_possible(make_rows: Rows, settings: Evaluate) -> None:
    """Dialogues of a few words next to one of a word said again and again: an end would fall below 0."""
    rows = make_rows({"a": ["so " * 3000], **{name: ["yes i do " * ord(name)] for name in "bcdefghi"}})
    result = score(rows, ["diversity"], settings=settings)
    found = result.metrics["diversity/dist_1"]
    assert found.ci is not None
    assert 0 == found.ci[0] <= found.value <= found.ci[1] <= 100
    free = mean_interval([result.measured.statistics["diversity/dist_1"]], Resampling.of(settings))
    assert free is not None and free[0] < 0
