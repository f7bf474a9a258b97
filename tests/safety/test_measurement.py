"""The list is what it says, and what docs/safety.md shows is what the rules do."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from eva.errors import InputError
from eva.safety.detector import Finding
from eva.safety.labelled_messages import KINDS, PARTS, Labelled, read_labelled
from eva.safety.measurement import Share, flagged, judge, table
from eva.safety.rule_detector import RuleDetector


class Flags:
    """A detector that goes by one word."""

    name = "word"

    def find(self, said: Sequence[str]) -> Finding | None:
        return Finding("suicide", "word") if "bad" in said[0] else None


@pytest.fixture(scope="module")
def messages(sample: Path) -> list[Labelled]:
    return read_labelled(sample / "safety" / "messages.jsonl")


def test_the_list_holds_every_kind_in_every_part(messages: list[Labelled]) -> None:
    assert len(messages) >= 150
    assert len({one.text for one in messages}) == len(messages)
    assert {(one.kind, one.part) for one in messages} == {(kind, part) for kind in KINDS for part in PARTS}
    refer = {one.kind for one in messages if one.refer}
    assert refer == {"explicit", "veiled", "self_harm", "past", "others", "danger", "emergency"}
    assert not refer & {one.kind for one in messages if not one.refer}


def test_the_page_shows_what_the_command_measures(messages: list[Labelled], root: Path) -> None:
    page = (root / "docs" / "safety.md").read_text(encoding="utf-8")
    assert table(judge(RuleDetector(), messages)) in page


def test_counts_by_hand() -> None:
    given = [
        Labelled("bad one", "explicit", True, "held out"),
        Labelled("worse", "veiled", True, "held out"),
        Labelled("bad joke", "figure", False, "held out"),
        Labelled("bad day", "sadness", False, "development"),
    ]
    judged = judge(Flags(), given)
    assert flagged(judged, part="held out", refer=True) == Share(1, 2)
    assert flagged(judged, part="held out", refer=False) == Share(1, 1)
    assert flagged(judged, part="development", refer=True) == Share(0, 0)
    assert [one.right for one in judged] == [True, False, False, False]
    assert "| held out | 1/2 = 0.50 [0.01, 0.99] | 1/1 = 1.00 [0.03, 1.00] |" in table(judged)
    assert "| explicit | yes | 0/0 | 1/1 | 0/0 |" in table(judged)


def test_every_bad_line_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text(
        '{"text": "a", "kind": "explicit", "label": "refer", "round": 1}\n{"text": "b"}\n{"kind": 3}\n'
    )
    with pytest.raises(InputError) as caught:
        read_labelled(path)
    assert "line 2: `kind`: Field required" in str(caught.value)
    assert "line 3: " in str(caught.value)
