"""The gate refuses pairs that teach more than the level."""

import json
from pathlib import Path

import pytest

from eva.errors import InputError
from eva.settings.preferences_section import Preferences
from eva.validation.pair_gate import validate_pairs

SETTINGS = Preferences(recipe="public", corpus="esconv", valid_share=0.2, encoder="minilm")
GOOD: dict[str, float | None] = {
    "level_contrast": 1.0, "length_ratio": 1.05, "closer": 0.52, "closer_low": 0.4, "closer_high": 0.6,
    "same_author": 1.0, "levels_known": 1.0,
}  # fmt: skip
ROWS = {"train": 8, "valid": 2}


def test_pairs_that_differ_in_level_alone_pass(tmp_path: Path) -> None:
    verdict = validate_pairs("tiny", GOOD, SETTINGS, ROWS, tmp_path / "v")
    assert verdict.success
    assert verdict.rows == ROWS
    assert json.loads((tmp_path / "v" / "verdict.json").read_text())["expectations"] == 5
    assert "length_ratio" in (tmp_path / "v" / "docs" / "index.html").read_text()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"level_contrast": 0.5}, "levels_differ: at least 95% of the pairs have two different levels"),
        ({"length_ratio": 1.6}, "chosen has 1.60 times those of rejected (preferences.max_length_ratio)"),
        ({"length_ratio": 0.6}, "chosen has 0.60 times those of rejected"),
        (
            {"closer": 0.9, "closer_low": 0.7, "closer_high": 0.95},
            "chosen is closer in 90% of them, 95% interval 70% to 95% (preferences.max_closer)",
        ),
        (
            {"closer": 0.2, "closer_low": 0.1, "closer_high": 0.3},
            "rejected_on_no_other_topic: rejected is closer to the history in at most 65% of the pairs",
        ),
        ({"same_author": 0.5}, "50% have (preferences.min_same_author)"),
    ],
)
def test_every_bound_is_named_with_what_was_found(
    broken: dict[str, float], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        validate_pairs("tiny", GOOD | broken, SETTINGS, ROWS, tmp_path / "v")
    message = str(caught.value)
    assert message.startswith("preference pairs of tiny, recipe public: 1 of 5 expectations")
    assert said in message
    assert "Set preferences.rejected to same_turn" in message
    assert not json.loads((tmp_path / "v" / "verdict.json").read_text())["success"]
    wider = SETTINGS.model_copy(update={
        "min_level_contrast": 0.0, "max_length_ratio": 2.0, "max_closer": 1.0, "min_same_author": 0.0,
    })  # fmt: skip
    assert validate_pairs("tiny", GOOD | broken, wider, ROWS, tmp_path / "v").success


def test_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 of 5 expectations(?s:.*)lengths_alike(?s:.*)one_author"):
        validate_pairs(
            "tiny", GOOD | {"length_ratio": 3.0, "same_author": 0.0}, SETTINGS, ROWS, tmp_path / "v"
        )


def test_few_pairs_may_differ_by_chance(tmp_path: Path) -> None:
    """Nine of twelve pairs: a coin falls so in one case of fourteen."""
    few = GOOD | {"closer": 0.75, "closer_low": 0.43, "closer_high": 0.95}
    assert validate_pairs("tiny", few, SETTINGS, ROWS, tmp_path / "v").success


def test_unknown_levels_break_nothing(tmp_path: Path) -> None:
    """EVAD's published sample has none; the metrics say that they are unknown."""
    unknown = GOOD | {"level_contrast": None, "levels_known": 0.0}
    assert validate_pairs("tiny", unknown, SETTINGS, ROWS, tmp_path / "v").success
