"""Pairs whose sides are two utterances of one turn."""

from collections import Counter

import pytest

from eva.data.dialogue import Dialogue, Turn, quartile
from eva.errors import InputError
from eva.preferences.recipes import build
from eva.settings.preferences_section import Preferences

PUBLIC = Preferences(recipe="public", corpus="esconv", valid_share=0.25, encoder="minilm")
COURSE = ("Question", "Reflection of feelings", "Affirmation and Reassurance", "Providing Suggestions")
LEVELS = {
    "Question": 1,
    "Reflection of feelings": 2,
    "Affirmation and Reassurance": 3,
    "Providing Suggestions": 4,
}


def said(*utterances: tuple[str, str]) -> Turn:
    parts = tuple(text for text, _ in utterances)
    return Turn("assistant", " ".join(parts), tuple(name for _, name in utterances), parts)


def dialogue(
    number: int, extra: str = "Providing Suggestions", words: int = 4, *, led: bool = False
) -> Dialogue:
    """Four turns in the order of the theory; the first begins with an utterance of strategy `extra`."""
    turns = [Turn("assistant", f"welcome {number}", ("Question",))] if led else []
    for place, name in enumerate(COURSE):
        turns.append(Turn("user", f"user {number} says {place}"))
        first = (f"supporter {number} answers {place}", name)
        turns.append(said((" ".join(["more"] * words), extra), first) if place == 0 else said(first))
    return Dialogue(f"esconv-{number}", "esconv", number, tuple(turns))


def pairs_of(*dialogues: Dialogue, **changes: object) -> list:
    sets = build(PUBLIC.model_copy(update=changes), {"train": list(dialogues)})
    return [*sets.train, *sets.valid]


def test_both_sides_are_one_turns_own_words_of_levels_that_fit_and_do_not() -> None:
    given = [dialogue(n) for n in range(8)]
    pairs = pairs_of(*given)
    assert len(pairs) == 8
    for pair, one in zip(sorted(pairs, key=lambda pair: pair.id), given, strict=True):
        assert (pair.chosen, pair.rejected) == (f"supporter {one.position} answers 0", "more more more more")
        assert (pair.chosen_level, pair.rejected_level) == (1, 4)
        assert list(pair.history) == one.messages(1)
        assert quartile(pair.turn, pair.n_turns) == 1
        assert pair.source == "public:same_turn"


def test_turns_whose_utterances_all_fit_or_are_uneven_make_none() -> None:
    even = [dialogue(n) for n in range(4)]
    sets = build(
        PUBLIC, {"train": [*even, dialogue(4, words=9), dialogue(5, extra="Question"), dialogue(6, "Others")]}
    )
    assert len(sets.train) + len(sets.valid) == 4
    assert sets.statistics["left_out"] == {"turns_of_one_fit": 3 * 7 + 2, "turns_uneven_in_length": 1}


def test_of_several_pairs_the_most_even_is_taken() -> None:
    uneven, even = ("a b c d e f", "Information"), ("a b c d e", "Information")
    first = said(uneven, even, ("one two three four", "Question"))
    given = [dialogue(n) for n in range(4)]
    turns = (given[0].turns[0], first, *given[0].turns[2:])
    pairs = pairs_of(Dialogue("esconv-9", "esconv", 9, turns), *given[1:])
    (own,) = (pair for pair in pairs if pair.dialogue_id == "esconv-9")
    assert own.rejected == "a b c d e"


def test_a_leading_supporter_turn_goes_from_the_history_and_is_no_place_itself() -> None:
    led = dialogue(4, "Reflection of feelings", led=True)  # its second of five turns is in quartile 2
    pairs = pairs_of(*(dialogue(n) for n in range(4)), led)
    (own,) = (pair for pair in pairs if pair.dialogue_id == led.id)
    assert [message["content"] for message in own.history] == ["user 4 says 0"]
    assert (own.turn, own.n_turns) == (2, 5)


def test_drawn_evenly_over_pairs_of_levels() -> None:
    given = [
        dialogue(n, extra="Reflection of feelings" if n < 3 else "Providing Suggestions") for n in range(20)
    ]
    pairs = pairs_of(*given, max_pairs=6)
    assert Counter((pair.chosen_level, pair.rejected_level) for pair in pairs) == {(1, 2): 3, (1, 4): 3}


def test_a_corpus_of_single_utterances_says_what_to_do() -> None:
    bare = Dialogue("d", "esconv", 0, tuple(
        turn for name in COURSE for turn in (Turn("user", "well"), Turn("assistant", f"so {name}", (name,)))
    ))  # fmt: skip
    with pytest.raises(InputError, match=r"no supporter turn has two utterances.*preferences\.rejected"):
        build(PUBLIC, {"train": [bare]})
