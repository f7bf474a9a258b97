"""Preference pairs: who may train, who is held out, what fits."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from eva.artifacts import read_json, read_jsonl
from eva.data.corpora import load
from eva.data.dialogue import Dialogue, Preference, SupporterTurn, Turn, quartile
from eva.data.evad import EvadRecord, load_evad
from eva.errors import InputError
from eva.preferences.drawing import draw_balanced, hold_out
from eva.preferences.public import fitting_levels
from eva.preferences.recipes import build, needs_model, write
from eva.settings.corpora_section import Corpus
from eva.settings.preferences_section import Preferences

EVAD = Preferences(recipe="evad", corpus="esconv", valid_share=0.25, encoder="minilm")
PUBLIC = EVAD.model_copy(update={"recipe": "public", "rejected": "human"})
COURSE = ("Question", "Reflection of feelings", "Affirmation and Reassurance", "Providing Suggestions")


def dialogue(number: int, strategies: Sequence[str] = COURSE, first: str = "user") -> Dialogue:
    turns = [Turn("assistant", f"welcome {number}", ("Others",))] if first == "assistant" else []
    for place, strategy in enumerate(strategies):
        turns.append(Turn("user", f"user {number} says {place}"))
        turns.append(Turn("assistant", f"supporter {number} answers {place}", (strategy,)))
    return Dialogue(f"esconv-{number}", "esconv", number, tuple(turns))


def record(of: Dialogue, turns: int, **levels: int) -> EvadRecord:
    chosen, rejected = f"chosen {of.position} {turns}", f"rejected {of.position} {turns}"
    return EvadRecord(f"{of.position}_{turns}", of.position, of.turns[:turns], chosen, rejected, **levels)


@pytest.fixture
def splits() -> dict[str, list[Dialogue]]:
    """Dialogues 0 to 11 train, 12 and 13 are valid, 14 and 15 are test."""
    everything = [dialogue(number) for number in range(16)]
    return {"train": everything[:12], "valid": everything[12:14], "test": everything[14:]}


def test_evad_records_of_the_test_split_never_train(splits: dict[str, list[Dialogue]]) -> None:
    records = [record(d, 1) for split in splits.values() for d in split]
    sets = build(EVAD, splits, records)
    used = {pair.dialogue_id for pair in [*sets.train, *sets.valid]}
    assert not used & {d.id for d in splits["test"]}
    assert sets.statistics["left_out"]["test_split_refused"] == 2
    assert len(sets.train) + len(sets.valid) == 14


def test_evad_valid_split_is_always_held_out(splits: dict[str, list[Dialogue]]) -> None:
    records = [record(d, 1) for split in ("train", "valid") for d in splits[split]]
    for seed in range(5):
        sets = build(EVAD.model_copy(update={"seed": seed}), splits, records)
        assert {"esconv-12", "esconv-13"} <= {pair.dialogue_id for pair in sets.valid}
        assert len({pair.dialogue_id for pair in sets.valid}) == 4, "a quarter of 14, and 2 of them count"


def test_no_dialogue_is_on_both_sides(splits: dict[str, list[Dialogue]]) -> None:
    records = [record(d, turns) for d in splits["train"] for turns in (1, 3, 5)]
    sets = build(EVAD, splits, records)
    assert not {p.dialogue_id for p in sets.train} & {p.dialogue_id for p in sets.valid}
    assert (len(sets.train), len(sets.valid)) == (27, 9)


def test_evad_pair_carries_position_levels_and_history(splits: dict[str, list[Dialogue]]) -> None:
    kept = splits["train"][0]
    sets = build(EVAD, splits, [record(kept, 5, chosen_level=3, rejected_level=1), record(dialogue(1), 1)])
    pair = next(p for p in [*sets.train, *sets.valid] if p.dialogue_id == kept.id)
    assert (pair.turn, pair.n_turns, pair.chosen_level, pair.rejected_level) == (3, 4, 3, 1)
    assert list(pair.history) == kept.messages(5)
    assert pair.history[-1]["role"] == "user"


def test_leading_supporter_turn_is_removed_from_a_history() -> None:
    opened = dialogue(0, first="assistant")
    sets = build(
        EVAD,
        {"train": [opened, dialogue(1)], "valid": [], "test": []},
        [record(opened, 4), record(dialogue(1), 1)],
    )
    pair = next(p for p in [*sets.train, *sets.valid] if p.dialogue_id == opened.id)
    assert [message["role"] for message in pair.history] == ["user", "assistant", "user"]
    assert (pair.turn, pair.n_turns) == (3, 5), "the position counts every supporter turn"
    assert sets.statistics["notes"] == {"leading_supporter_turn_removed": 1}


def test_evad_with_test_records_only_is_refused(splits: dict[str, list[Dialogue]]) -> None:
    with pytest.raises(InputError, match="all 2 records belong to test dialogues"):
        build(EVAD, splits, [record(d, 1) for d in splits["test"]])


def test_evad_history_from_nowhere_is_refused(splits: dict[str, list[Dialogue]]) -> None:
    with pytest.raises(InputError, match="record 99_1: no dialogue of the corpus starts with this history"):
        build(EVAD, splits, [record(dialogue(99), 1), record(dialogue(0), 1)])


def test_equal_candidates_are_dropped_and_counted(splits: dict[str, list[Dialogue]]) -> None:
    same = EvadRecord("0_1", 0, splits["train"][0].turns[:1], "the same", "the same")
    sets = build(EVAD, splits, [same, *(record(d, 1) for d in splits["train"][1:])])
    assert sets.statistics["left_out"]["chosen_equals_rejected"] == 1
    assert "0_1" not in {pair.id for pair in [*sets.train, *sets.valid]}


def test_max_pairs_is_drawn_by_seed_and_balanced_over_levels(splits: dict[str, list[Dialogue]]) -> None:
    records = [
        record(d, turns, chosen_level=1 if turns < 7 else 4)
        for d in splits["train"]
        for turns in (1, 3, 5, 7)
    ]

    def drawn(seed: int) -> list[Preference]:
        sets = build(EVAD.model_copy(update={"max_pairs": 12, "seed": seed}), splits, records)
        return [*sets.train, *sets.valid]

    assert Counter(pair.chosen_level for pair in drawn(0)) == {1: 6, 4: 6}
    assert drawn(0) == drawn(0)
    assert {p.id for p in drawn(0)} != {p.id for p in drawn(1)}


def test_draw_balanced_takes_all_of_a_small_group_first() -> None:
    drawn = draw_balanced(list("aaaaaaaabbc"), 7, lambda letter: letter, "seed")
    assert Counter(drawn) == {"a": 4, "b": 2, "c": 1}
    assert drawn == sorted(drawn), "in their first order"


def test_hold_out_shares() -> None:
    names = [str(number) for number in range(10)]
    assert hold_out(names, 0, "s") == set()
    assert len(hold_out(names, 0.01, "s")) == 1
    assert len(hold_out(names, 0.3, "s")) == 3


def test_a_level_fits_where_it_is_more_frequent_than_overall() -> None:
    fits = fitting_levels([dialogue(0), dialogue(1)])
    assert fits == {1: [1], 2: [2], 3: [3], 4: [4]}
    # Level 1 makes 3 of 4 turns in quartile 1 and 3 of 8 overall: it fits there and nowhere else.
    early = [dialogue(n, ("Question", "Information")) for n in range(3)]
    fits = fitting_levels([*early, dialogue(3, ("Information", "Information"))])
    assert fits == {1: [], 2: [1], 3: [], 4: [4]}


def public_dialogues() -> list[Dialogue]:
    """Twenty that follow the theory and six in which every level comes where it does not fit."""
    off = [dialogue(20 + n, COURSE[turned:] + COURSE[:turned]) for n, turned in enumerate([1, 1, 1, 2, 2, 2])]
    return [*(dialogue(n) for n in range(20)), *off]


def test_public_pairs_human_turns_that_fit_with_those_that_do_not() -> None:
    dialogues = public_dialogues()
    fits = fitting_levels(dialogues)
    sets = build(PUBLIC, {"train": dialogues})
    assert fits == {1: [1], 2: [2], 3: [3], 4: [4]}
    for pair in [*sets.train, *sets.valid]:
        quarter = quartile(pair.turn, pair.n_turns)
        assert pair.chosen_level in fits[quarter]
        assert pair.rejected_level not in fits[quarter]
        assert pair.dialogue_id not in pair.rejected
        assert pair.history[-1]["role"] == "user"
        assert pair.source == "public:human"
    assert set(sets.statistics["train"]["chosen_levels"]) == {"1", "2", "3", "4"}


def test_public_rejected_words_stay_on_their_side() -> None:
    sets = build(PUBLIC.model_copy(update={"valid_share": 0.5}), {"train": public_dialogues()})
    assert sets.valid
    owners = [{pair.rejected.split()[1] for pair in side} for side in (sets.train, sets.valid)]
    chosen = [
        {pair.dialogue_id.removeprefix("esconv-") for pair in side} for side in (sets.train, sets.valid)
    ]
    assert not owners[0] & (owners[1] | chosen[1])
    assert not chosen[0] & (owners[1] | chosen[1])


def test_public_mixed_asks_the_model_for_every_other_pair() -> None:
    asked: list[SupporterTurn] = []

    def model(turns: Sequence[SupporterTurn]) -> list[str]:
        asked.extend(turns)
        return [f" model at {turn.dialogue.id} {turn.ordinal} " for turn in turns]

    mixed = PUBLIC.model_copy(update={"rejected": "mixed", "max_pairs": 20, "valid_share": 0.0})
    sets = build(mixed, {"train": public_dialogues()}, draw_rejected=model)
    assert sets.statistics["train"]["sources"] == {"public:human": 10, "public:model": 10}
    assert len(asked) == 10
    first = next(pair for pair in sets.train if pair.source == "public:model")
    assert first.rejected == f"model at {first.dialogue_id} {first.turn}"
    assert first.rejected_level is None


def test_public_drops_a_model_response_that_equals_the_human_one() -> None:
    settings = PUBLIC.model_copy(update={"rejected": "model", "max_pairs": 8})

    def parrot(turns: Sequence[SupporterTurn]) -> list[str]:
        return [turn.gold.content if n == 0 else "" if n == 1 else "other" for n, turn in enumerate(turns)]

    sets = build(settings, {"train": public_dialogues()}, draw_rejected=parrot)
    assert len(sets.train) + len(sets.valid) == 6
    assert sets.statistics["left_out"]["empty_or_equal"] == 2


def test_public_needs_strategies() -> None:
    bare = [Dialogue("ed-1", "ed", 0, (Turn("user", "hello"), Turn("assistant", "hi")))]
    with pytest.raises(InputError, match="a corpus with strategies"):
        build(PUBLIC, {"train": bare})


@pytest.mark.parametrize(
    ("recipe", "rejected", "needed"),
    [
        ("evad", "mixed", False),
        ("public", "human", False),
        ("public", "same_turn", False),
        ("public", "mixed", True),
        ("public", "model", True),
    ],
)
def test_only_model_rejections_need_a_model(recipe: str, rejected: str, needed: bool) -> None:
    assert needs_model(PUBLIC.model_copy(update={"recipe": recipe, "rejected": rejected})) is needed


def test_nothing_left_to_train_on_is_refused(splits: dict[str, list[Dialogue]]) -> None:
    with pytest.raises(InputError, match=r"lower preferences\.valid_share"):
        build(EVAD, splits, [record(splits["valid"][0], 1)])


def test_written_pairs_read_back(splits: dict[str, list[Dialogue]], tmp_path: Path) -> None:
    sets = build(EVAD, splits, [record(d, 3) for d in splits["train"]])
    write(sets, tmp_path / "preferences")
    rows = read_jsonl(tmp_path / "preferences" / "train.jsonl")
    assert [Preference.from_dict(row) for row in rows] == sets.train
    assert read_json(tmp_path / "preferences" / "statistics.json")["train"]["pairs"] == len(sets.train)


def test_sample_corpus_gives_pairs_by_both_recipes(sample: Path) -> None:
    splits = load(Corpus(format="esconv", path=sample / "esconv", min_dialogues=1)).splits
    aligned = build(
        EVAD.model_copy(update={"max_pairs": 40}), splits, load_evad(sample / "evad" / "EVAD.json")
    )
    assert len(aligned.train) >= 20
    assert set(aligned.statistics["train"]["chosen_levels"]) == {"1", "2", "3", "4"}
    public = build(PUBLIC.model_copy(update={"max_pairs": 40}), splits)
    assert len(public.train) >= 15


def test_real_evad_sample_refuses_its_three_test_records(shared_data: Path) -> None:
    splits = load(Corpus(format="esconv", path=shared_data / "esconv", min_dialogues=1)).splits
    sets = build(EVAD, splits, load_evad(shared_data / "evad" / "EVAD_sample.json"))
    assert sets.statistics["left_out"]["test_split_refused"] == 3
    assert len(sets.train) + len(sets.valid) == 10
    assert "esconv-629" in {pair.dialogue_id for pair in sets.valid}
