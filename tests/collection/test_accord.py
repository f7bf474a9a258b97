"""Agreement of two rankings."""

import pytest

from eva.collection.accord import accord
from eva.data.candidates import Ranked
from eva.errors import InputError


def _ranked(n: int, order: str, *, kept: bool = True) -> Ranked:
    return Ranked(f"d{n}:1", tuple(order), 12, 0, kept=kept)


def test_ends_and_order_are_compared_over_items_that_both_keep() -> None:
    people = [_ranked(1, "abcd"), _ranked(2, "abcd"), _ranked(3, "abcd"), _ranked(4, "abcd", kept=False)]
    judge = [_ranked(1, "abcd"), _ranked(2, "abdc"), _ranked(3, "dcba"), _ranked(4, "abcd")]
    found = accord(people, judge)
    assert (found.items, found.chance) == (3, 0.25)
    assert found.best[0] == pytest.approx(2 / 3)
    assert found.worst[0] == pytest.approx(1 / 3)
    assert found.best[1] < found.best[0] < found.best[2]
    assert found.tau == pytest.approx((1 + 2 / 3 - 1) / 3)


def test_what_one_of_them_found_unusable_is_left_out() -> None:
    found = accord([_ranked(1, "bcd"), _ranked(2, "ab")], [_ranked(1, "abdc"), _ranked(2, "bc")])
    assert (found.items, found.best[0], found.worst[0]) == (1, 1, 0), "b d c against b c d; one common in 2"
    assert found.tau == pytest.approx(1 / 3)


def test_rankings_without_a_common_item_are_refused() -> None:
    with pytest.raises(InputError, match="keep no item in common"):
        accord([_ranked(1, "ab")], [_ranked(2, "ab")])
