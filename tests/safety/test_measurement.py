"""The list is what it says, and what docs/safety.md shows is what the rules do."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from eva.errors import InputError
from eva.safety.detector import Finding
from eva.safety.labelled_messages import KINDS, PARTS, Labelled, read_labelled, require_both
from eva.safety.measurement import Share, flagged, judge, measured, table
from eva.safety.rule_detector import RuleDetector


class Flags:
    """A detector that goes by one word."""

    name = "word"

    def find(self, said: Sequence[str]) -> Finding | None:
        return Finding("suicide", "word") if "bad" in said[0] else None

    def find_each(self, conversations: Sequence[Sequence[str]]) -> list[Finding | None]:
        return [self.find(said) for said in conversations]


@pytest.fixture(scope="module")
def messages(sample: Path) -> list[Labelled]:
    return read_labelled(sample / "safety" / "messages")


def test_the_list_holds_every_kind_in_every_part(messages: list[Labelled]) -> None:
    assert len(messages) >= 150
    assert len({one.text for one in messages}) == len(messages)
    assert {(one.kind, one.part) for one in messages} == {(kind, part) for kind in KINDS for part in PARTS}
    assert sum(one.part == PARTS[-1] for one in messages) >= 150
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


def test_measured_is_the_table_as_data() -> None:
    found = measured(judge(Flags(), [Labelled("bad one", "explicit", True, "written after")]))
    share = found["written after"]["sensitivity"]
    assert (share["hits"], share["n"]) == (1, 1) and share["interval"] == pytest.approx([0.025, 1.0])
    assert found["development"]["false_alarms"]["n"] == 0


def row(text: str, part: str, label: str = "refer") -> str:
    return json.dumps({"text": text, "kind": "explicit", "label": label, "part": part})


def test_every_bad_line_of_every_file_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{row("a", "development")}\n{{"text": "b"}}\nnonsense\n')
    (tmp_path / "b.jsonl").write_text('{"text": "", "kind": 3, "label": "refer", "part": "held out"}\n')
    with pytest.raises(InputError) as caught:
        read_labelled(tmp_path)
    assert len(caught.value.problems) == 3
    assert "a.jsonl, line 2: `kind`: Field required" in str(caught.value)
    assert "b.jsonl, line 1: `text`: " in str(caught.value)


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file \*\.jsonl"):
        read_labelled(tmp_path)


def test_the_wording_of_a_test_message_stands_in_no_other_part(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    rows = [
        row("I do not want to live any more.", "held out"),
        row("i dont want to live anymore", "written after"),
        row("I wrote down who gets the dog.", "written after"),
    ]
    path.write_text("\n".join(rows))
    with pytest.raises(InputError) as caught:
        read_labelled(path)
    assert len(caught.value.problems) == 1 and "i dont want to live" in str(caught.value)


def test_a_set_that_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text("\n".join(row(f"number {part}", part) for part in ("development", "held out")))
    with pytest.raises(InputError) as caught:
        require_both(read_labelled(path), path)
    assert "`written after` has the label `refer`" in str(caught.value)
    assert len(caught.value.problems) == 4
