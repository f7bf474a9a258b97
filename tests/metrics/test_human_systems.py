"""What people wrote, as files that `eva score` takes."""

from pathlib import Path

import pytest

from eva.artifacts import write_jsonl
from eva.data.dialogue import Dialogue, Turn
from eva.data.evad import EvadRecord, load_evad, match_evad
from eva.data.human_responses import evad_responses, supporter_responses
from eva.data.prepare import prepare
from eva.data.responses import check_same_turns, read_responses
from eva.errors import InputError
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare

TALK = Dialogue(
    "esconv-7",
    "esconv",
    7,
    (
        Turn("user", "I lost my job."),
        Turn("assistant", "Which job?", ("Question",)),
        Turn("user", "A good one."),
        Turn("assistant", "I see.", ("Others",)),
    ),
    {"emotion": "anger"},
)


def record(history: tuple[Turn, ...]) -> EvadRecord:
    return EvadRecord("7_3", 7, history, "The better one.", "The worse one.", None, None)


def test_every_supporter_turn_is_a_response_to_what_came_before() -> None:
    first, second = supporter_responses([TALK])
    assert (first.key, first.n_turns, first.response) == (("esconv-7", 1), 2, "Which job?")
    assert first.history == ({"role": "user", "content": "I lost my job."},)
    assert (second.turn, len(second.history), second.reference_level) == (2, 3, 0)
    assert "reference" not in first.to_dict(), "it would be the response itself"


def test_both_sides_of_evad_answer_the_same_history_at_its_place() -> None:
    matches = match_evad([record(TALK.turns[:3])], {"test": [TALK]})
    (chosen,), (rejected,) = evad_responses(matches, "chosen"), evad_responses(matches, "rejected")
    assert (chosen.response, rejected.response) == ("The better one.", "The worse one.")
    assert (chosen.key, chosen.n_turns, chosen.reference) == (("esconv-7", 2), 2, "I see.")
    assert chosen.history == rejected.history == tuple(TALK.messages(3))


def test_a_history_of_no_dialogue_is_refused() -> None:
    strange = record((Turn("user", "Never said."),))
    with pytest.raises(InputError, match="record 7_3: no dialogue starts with this history"):
        evad_responses(match_evad([strange], {"test": [TALK]}), "chosen")


def test_the_public_sample_is_thirteen_pairs_in_the_format_of_eva_score(
    shared_data: Path, tmp_path: Path
) -> None:
    row = Corpus(format="esconv", path=shared_data / "esconv", min_dialogues=1)
    esconv = prepare("esconv", row, Prepare(keep_supporter_first=False))
    matches = match_evad(load_evad(shared_data / "evad" / "EVAD_sample.json"), esconv.everything)
    sides = []
    for of in ("chosen", "rejected"):
        write_jsonl(tmp_path / f"{of}.jsonl", [row.to_dict() for row in evad_responses(matches, of)])
        sides.append(read_responses(tmp_path / f"{of}.jsonl"))
    assert len(sides[0]) == 13
    check_same_turns(*([row.key for row in side] for side in sides), ("chosen", "rejected"))
    assert sum(match.split == "test" for match in matches) == 3
    human = [row.to_dict() for row in supporter_responses(esconv.splits["test"])]
    write_jsonl(tmp_path / "human.jsonl", human)
    assert len({one.dialogue_id for one in read_responses(tmp_path / "human.jsonl")}) == 86
