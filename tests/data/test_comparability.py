"""What two systems answered is compared before their answers are."""

from dataclasses import replace

import pytest

from eva.data.comparability import check_comparable, missing_turns
from eva.data.responses import Response
from eva.errors import InputError

NAMES = ("ours", "theirs")


def row(dialogue: str = "a", turn: int = 1, n_turns: int = 3, **changed: object) -> Response:
    asked = ({"role": "user", "content": "I lost my job."},)
    return replace(Response(dialogue, turn, n_turns, asked, "I see.", "How so?"), **changed)  # type: ignore[arg-type]


ROWS = [row(turn=turn) for turn in (1, 2, 3)] + [row("b", 1, 1)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_turns": 4}, "`n_turns` 3 in ours and 4 in theirs"),
        (
            {"history": ({"role": "user", "content": "Hi"},) * 2},
            "1 messages of history in ours and 2 in theirs",
        ),
        (
            {"history": ({"role": "user", "content": "I lost my dog."},)},
            "`history` message 1 'user: I lost my job.' in ours and 'user: I lost my dog.' in theirs",
        ),
        ({"reference": "How come?"}, "`reference` 'How so?' in ours and 'How come?' in theirs"),
    ],
)
def test_the_first_difference_is_named(changed: dict[str, object], said: str) -> None:
    other = [replace(one, **changed) if one.turn > 1 else one for one in ROWS]  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        check_comparable(ROWS, other, NAMES)
    assert f"dialogue 'a' turn 2 has {said}; 2 of 4 turns differ" in str(caught.value)


def test_other_turns_come_first() -> None:
    with pytest.raises(InputError, match="dialogue 'b' turn 1 is in ours and not in theirs"):
        check_comparable(ROWS, ROWS[:3], NAMES)


def test_responses_blanks_and_a_missing_reference_are_no_difference() -> None:
    other = [replace(one, response="No.", reference=None) for one in reversed(ROWS)]
    spaced = [replace(one, reference="How so? ") for one in ROWS]
    check_comparable(ROWS, other, NAMES)
    check_comparable(ROWS, spaced, NAMES)


def test_a_long_text_is_shown_from_where_it_differs() -> None:
    ours, theirs = ([row(reference=f"{'so ' * 100}{end}")] for end in ("good", "bad"))
    with pytest.raises(InputError) as caught:
        check_comparable(ours, theirs, NAMES)
    assert "so so good' in ours" in str(caught.value) and len(str(caught.value)) < 400


def test_missing_turns_are_named() -> None:
    assert missing_turns(ROWS) is None
    assert missing_turns([row(turn=2, n_turns=6), *(row("b", turn, 3) for turn in (1, 2, 3))]) == (
        "1 of 2 dialogues lack turns ('a' 1, 3 to 6 of 6): EVAEval and repetition see only "
        "those that are there"
    )
    many = missing_turns([row(str(i), 1, 2) for i in range(9)])
    assert (
        many is not None and many.startswith("9 of 9 dialogues lack turns ('0' 2 of 2; ") and "; …)" in many
    )
