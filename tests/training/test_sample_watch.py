"""What DPO logs of greedy answers, and the rule that stops it."""

import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from eva.data.dialogue import Preference
from eva.settings.dpo_section import Dpo
from eva.training.sample_watch import Samples, SampleWatch

TARGETS = ["q_proj", "v_proj"]


def test_length_and_repetition() -> None:
    assert Samples.measure([[1, 2, 3]]) == Samples(3, 0.0)
    looping = Samples.measure([[1, 2] * 4, [9, 8]])  # five 4-grams, two of them distinct
    assert looping == Samples(5, 3 / 5)


@pytest.mark.parametrize(
    ("start", "now", "stops"),
    [
        (Samples(20, 0.1), Samples(39, 0.29), False),
        (Samples(20, 0.1), Samples(41, 0.1), True),
        (Samples(20, 0.1), Samples(9, 0.1), True),
        (Samples(20, 0.1), Samples(20, 0.31), True),
        (Samples(0, 0.0), Samples(2, 0.0), False),  # an empty answer counts as one token
    ],
)
def test_the_rule(dpo: Dpo, start: Samples, now: Samples, stops: bool) -> None:
    bounds = dpo.model_copy(update={"samples": 2, "stop_length": 2.0, "stop_repetition": 0.2})
    assert (now.drift(start, bounds) is not None) is stops
    assert now.drift(start, dpo) is None


def test_bounds_without_samples_are_refused(dpo: Dpo) -> None:
    with pytest.raises(ValidationError, match="set `samples`"):
        Dpo.model_validate({**dpo.model_dump(), "stop_length": 2.0})


@pytest.mark.slow
@pytest.mark.parametrize("trainer", ["tree", "trl"])
def test_samples_stand_in_the_history_and_change_no_step(
    trainer: Any, dpo: Dpo, pairs: list[Preference], tiny: Path, tmp_path: Path
) -> None:
    from eva.training.dpo import train

    plain = dpo.model_copy(update={"trainer": trainer})
    watched = plain.model_copy(update={"samples": 2, "sample_steps": 2, "sample_tokens": 6})
    rows = [
        train(s, pairs[:4], pairs[6:], tiny, tmp_path / n, TARGETS, 1, tmp_path / "store").history
        for n, s in (("plain", plain), ("watched", watched))
    ]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    assert [row["step"] for row in rows[1] if "sample_tokens" in row] == [1, 2, 4]
    assert all(0 < row["sample_tokens"] <= 6 for row in rows[1] if "sample_tokens" in row)
    assert not any("sample_tokens" in row for row in rows[0])


@pytest.mark.slow
def test_a_training_whose_answers_grow_is_stopped_and_saved(
    dpo: Dpo,
    pairs: list[Preference],
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from eva.training.dpo import train

    answers = iter([[[1, 2, 3]], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]]])
    monkeypatch.setattr(SampleWatch, "_answers", lambda *_: next(answers))
    settings = dpo.model_copy(update={"samples": 1, "sample_steps": 1, "stop_length": 2.0})
    with caplog.at_level(logging.WARNING):
        found = train(settings, pairs[:6], pairs[6:], tiny, tmp_path / "out", TARGETS, 1, tmp_path / "store")
    assert found.metrics["steps"] == 2 and found.metrics["stopped_early"] == 1
    assert "dpo stops after step 2 of 6: greedy answers are 7 tokens long, 2.3 times" in caplog.text
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
