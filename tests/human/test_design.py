"""The draw, the sides and the blinding of a study."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Eva
from tests.human.conftest import read_table, responses, rows_of, wording, write_lines

from eva.artifacts import digest_path
from eva.human.export import design
from eva.human.forms import FORMS, PAIRWISE
from eva.human.item_sampling import Plan, assign, draw, sides
from eva.human.key import Key, System
from eva.human.sheets import restore

RNG = np.random.default_rng


def test_turns_are_spread_over_dialogues_and_quartiles(systems: tuple[Path, Path]) -> None:
    rows = responses(systems[0])
    drawn = draw(rows, Plan(30, None, 3, 3, 0), RNG(1))
    assert len({row.key for row in drawn}) == 30
    per_dialogue = Counter(row.dialogue_id for row in drawn)
    assert len(per_dialogue) == 12
    assert set(per_dialogue.values()) == {2, 3}
    per_quartile = Counter(row.quartile for row in drawn)
    assert max(per_quartile.values()) - min(per_quartile.values()) <= 1


def test_all_turns_when_there_are_fewer_than_the_default(systems: tuple[Path, Path]) -> None:
    rows = responses(systems[0])
    assert {row.key for row in draw(rows, Plan(None, None, 3, 3, 0), RNG(1))} == {row.key for row in rows}


def test_whole_dialogues(systems: tuple[Path, Path]) -> None:
    drawn = draw(responses(systems[0]), Plan(None, 5, 3, 3, 0), RNG(1))
    assert set(Counter(row.dialogue_id for row in drawn).values()) == {8}
    assert len(drawn) == 40


def test_dialogues_of_unequal_length_run_out(tmp_path: Path) -> None:
    rows = [row for row in rows_of("kind", 4, 6) if row["dialogue_id"] == "dlg-00" or row["turn"] == 1]
    read = responses(write_lines(tmp_path / "a.jsonl", rows))
    assert len(draw(read, Plan(9, None, 1, 1, 0), RNG(0))) == 9
    assert {row.dialogue_id for row in draw(read, Plan(4, None, 1, 1, 0), RNG(0))} == {
        f"dlg-0{i}" for i in range(4)
    }


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_each_system_is_on_the_left_equally_often(n: int) -> None:
    assert abs(2 * sum(sides(n, RNG(3))) - n) <= 1


def test_sides_do_not_follow_the_order() -> None:
    drawn = np.array([sides(20, RNG(seed)) for seed in range(400)])
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.1
    assert np.abs(np.corrcoef(drawn.T) - np.eye(20)).max() < 0.3


def test_ten_of_fifteen_raters() -> None:
    shares = assign(90, Plan(90, None, 15, 10, 0), RNG(0))
    raters = Counter(item for share in shares for item in set(share))
    assert set(raters.values()) == {10}
    assert {len(share) for share in shares} == {60}
    assert len({tuple(share) for share in shares}) == 15


def test_no_sheet_tells_the_systems(eva: Eva, systems: tuple[Path, Path]) -> None:
    assert eva("human", "export", *systems, "--out", "study").code == 0
    telling = ["kindmodel", "curtmodel", "answers_", "jsonl", "runs", "dlg-", "system", "sha256"]
    telling += [digest[:12] for digest in (system.sha256 for system in Key.read(Path("study")).systems)]
    texts = {path: path.read_text() for path in Path("study").rglob("*") if path.is_file()}
    key = texts.pop(Path("study/key.json"))
    assert len(texts) == 6
    assert not [(path, word) for path, text in texts.items() for word in telling if word in text.lower()]
    assert all(word in key for word in ("kindmodel", "curtmodel", "dlg-"))


def test_only_the_key_says_who_is_where(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 60)
    key = Key.read(Path("study"))
    orders = set()
    for path in sorted(Path("study/sheets").glob("*.csv")):
        _, rows = read_table(path)
        orders.add(tuple(row["item"] for row in rows))
        lefts = []
        for row in rows:
            item = key.items[key.index[row["item"]]]
            place = int(item.dialogue_id[-2:]), item.turn
            shown = [restore(row["left_response"]), restore(row["right_response"])]
            told = [wording("kind", *place).strip(), wording("curt", *place).strip()]
            assert shown == (told if item.left == 0 else told[::-1])
            lefts.append(item.left)
        assert sum(lefts) == 30
    assert len(orders) == 3


def test_a_seed_gives_one_study(eva: Eva, systems: tuple[Path, Path]) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        assert eva("human", "export", *systems, "--out", name, "--seed", seed, "--n", 40).code == 0
    assert digest_path(Path("one")) == digest_path(Path("two"))
    one, three = Key.read(Path("one")), Key.read(Path("three"))
    assert [item.left for item in one.items] != [item.left for item in three.items]


def test_a_seed_used_elsewhere_does_not_unblind(systems: tuple[Path, Path]) -> None:
    rows = [responses(path) for path in systems]
    plan = Plan(96, None, 1, 1, 0)
    lefts = [
        [item.left for item in design(PAIRWISE, pair, rows, plan).key.items]
        for pair in (
            [System("a", "1" * 64), System("b", "2" * 64)],
            [System("a", "1" * 64), System("b", "3" * 64)],
        )
    ]
    assert lefts[0] != lefts[1]


def test_criteria_are_worded_as_in_the_paper() -> None:
    """Appendix K's four criteria in its three categories, and Appendix H's question."""
    assert [(one.group, one.title) for one in PAIRWISE.criteria] == [
        ("Emotional Support", "Comfortness"),
        ("Emotional Support", "Comprehensibility"),
        ("Emotional Validation", "Emotional Validation"),
        ("General", "Fluency"),
    ]
    asked = FORMS["validation"].criteria[0].question
    assert asked == "Does the supporter's utterance align with the concept of emotional validation?"
