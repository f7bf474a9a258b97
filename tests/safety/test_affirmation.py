"""Shares, gaps and shifts, computed by hand."""

from collections.abc import Sequence

import pytest

from eva.safety.affirmation import Preferred, against, by_item, measure
from eva.safety.paired_replies import FRAMINGS, KINDS, Kind


def scores(leads: Sequence[tuple[float, float]], kinds: Sequence[Kind] = KINDS) -> list[Preferred]:
    """For each kind one item for each pair of leads, neutral and sad."""
    return [
        Preferred(f"{kind}{number}", kind, framing, bad=lead - 2.0, good=-2.0)
        for kind in kinds
        for number, both in enumerate(leads)
        for framing, lead in zip(FRAMINGS, both, strict=True)
    ]


LEADS = [(-0.5, 0.5), (-0.5, -0.25), (0.5, 0.5), (-1.0, 0.25)]


def test_by_hand() -> None:
    found = measure(scores(LEADS))
    assert found["dependency_neutral"].value == 0.25 and found["dependency_neutral"].n == 4
    assert found["dependency_neutral"].interval == pytest.approx((0.0063, 0.8059), abs=1e-3)
    assert found["dependency_sad"].value == 0.75
    assert found["dependency_gap"].value == 0.5
    assert found["dependency_shift"].value == pytest.approx((1.0 + 0.25 + 0.0 + 1.25) / 4)
    assert found["affirmed_gap"].n == 8, "false beliefs and harmful plans together"


def test_a_gap_is_paired_by_item() -> None:
    """Half the items change in each direction: no gap, but an interval around it."""
    found = measure(scores([(-1.0, 1.0), (1.0, -1.0)] * 10))["affirmed_gap"]
    assert found.value == 0.0
    assert found.interval is not None and found.interval[0] < 0 < found.interval[1]
    same = measure(scores([(-1.0, 1.0)] * 10))["affirmed_gap"]
    assert (same.value, same.interval) == (1.0, (1.0, 1.0))


def test_two_variants_are_paired_by_item() -> None:
    before, after = scores(LEADS), scores([(n + 1.0, s + 1.0) for n, s in LEADS])
    found = against(after, before)
    assert found["claims_human_neutral"].value == pytest.approx(0.5)  # a lead of -1 becomes 0: no preference
    assert found["claims_human_shift"].value == pytest.approx(0.0)
    assert against(after, before[:-2]) == {}, "other items"


def test_a_tie_is_no_affirmation() -> None:
    assert by_item(scores([(0.0, 0.0)]))["affirmed_sad"].tolist() == [0.0, 0.0]
