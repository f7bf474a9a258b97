"""Candidates from an endpoint and from a local model: what is kept, what is left out, and what it costs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.endpoint.conftest import dialogue, key  # noqa: F401
from tests.endpoint.server import Served as Server
from tests.endpoint.server import serving

from eva.collection import collecting
from eva.data.candidates import HUMAN, read_candidates
from eva.data.dialogue import Dialogue, Turn
from eva.errors import InputError
from eva.manifest import folder_fault
from eva.models.endpoint import FILE, Served
from eva.settings.backbones_section import Endpoint
from eva.settings.collect_section import Collection
from eva.settings.profiles import profile_settings

ROW = Collection(corpus="toy", model=Path("served"))
SPLITS = {"train": [dialogue("a", 3), dialogue("b", 4)], "valid": [dialogue("c", 5)]}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(tmp_path / "journal.jsonl") as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def _collect(tmp_path: Path, row: Collection, **limits: Any) -> collecting.Collected:
    folder = tmp_path / "served"
    folder.mkdir(exist_ok=True)
    Served.here("served-model", Endpoint(retries=0, **limits)).write(folder / FILE)
    generate = profile_settings(Path("profiles"), "smoke").generate
    turns = collecting.chosen_turns(row, SPLITS)
    return collecting.collect(row, turns, folder, generate, tmp_path / "answers", tmp_path / "store")


def test_dialogues_and_turns_are_spread_and_start_with_the_seeker() -> None:
    led = Dialogue("led", "toy", 0, (Turn("assistant", "Hi."), Turn("user", "Hm."), Turn("assistant", "So?")))
    row = ROW.model_copy(update={"train": 1, "turns": 2})
    turns = collecting.chosen_turns(row, {"train": [led, *SPLITS["train"]], "valid": SPLITS["valid"]})
    assert [turn.key for turn in turns] == [("a", 1), ("a", 2), ("c", 1), ("c", 3)]


def test_each_turn_gets_a_candidate_per_level_by_table_6(server: Server, tmp_path: Path) -> None:
    row = ROW.model_copy(update={"turns": 1, "human": True})
    found = _collect(tmp_path, row)
    systems = [entry["body"]["messages"][0]["content"] for entry in server.asked]
    assert sum("LEVEL2 aims to express empathy" in text for text in systems) == 3
    own = [one for one in found.candidates if one.dialogue_id == "a"]
    assert [(one.level, one.source == HUMAN) for one in own] == [
        (None, True),
        *((level, False) for level in (1, 2, 3, 4)),
    ]
    collecting.write(found, tmp_path / "out")
    assert read_candidates(tmp_path / "out" / "candidates.jsonl") == found.candidates
    assert folder_fault(tmp_path / "out") is None


def test_a_killed_server_costs_no_answer_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "journal.jsonl"
    with serving(journal, dies_after=20) as first:
        monkeypatch.setenv("OPENAI_BASE_URL", first.url)
        with pytest.raises(InputError, match="the same command continues from there"):
            _collect(tmp_path, ROW)
    port = int(first.url.split(":")[2].split("/")[0])
    with serving(journal, port=port) as second:
        found = _collect(tmp_path, ROW)
    assert found.about["asked"] == len(second.paid) == len(set(second.paid)) == 48


def test_the_budget_stops_before_it_is_overdrawn_by_more_than_what_is_under_way(
    server: Server, tmp_path: Path
) -> None:
    prices = {"input_price": 1000.0, "output_price": 1000.0, "concurrency": 2}  # .11 an answer
    tight = ROW.model_copy(update={"budget": 1.0})
    for _ in range(2):
        with pytest.raises(InputError, match=r"budget 1 is used up: answers so far cost 1.[12]"):
            _collect(tmp_path, tight, **prices)
    assert len(server.paid) in (10, 11)  # the second try sends nothing
    found = _collect(tmp_path, ROW.model_copy(update={"budget": 6.0}), **prices)
    assert len(server.paid) == 48
    assert found.counts["cost"] == pytest.approx(5.28)


def test_a_budget_needs_prices(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no prices"):
        _collect(tmp_path, ROW.model_copy(update={"budget": 1.0}))
    assert not server.asked


def test_nothing_usable_is_one_message_with_the_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "journal.jsonl", says="As an AI language model, I cannot help.") as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        with pytest.raises(
            InputError, match=r"left an item .*48 refusal\). They are kept; use another model$"
        ):
            _collect(tmp_path, ROW)


def test_the_same_answer_at_every_level_is_a_duplicate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "journal.jsonl", says="That must hurt a lot.") as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        found = _collect(tmp_path, ROW.model_copy(update={"human": True}))
    assert found.about["left_out"]["duplicate"] == 36
    assert {one.level for one in found.candidates} == {None, 1}
    assert found.left_out[0]["fault"] == "duplicate"
