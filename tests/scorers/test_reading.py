"""Untouched models are held once and read a text once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.scorers.conftest import Models

from eva.data.dialogue import Dialogue, supporter_turns
from eva.data.responses import Response
from eva.devices import Decision
from eva.models.loading import load_tokenizer
from eva.scorers.encoding import encode
from eva.scorers.labeller import Labeller, share_of
from eva.scorers.linear_probe import LinearProbe, from_encoder
from eva.scorers.reading import Reading, Readings
from eva.scorers.trained import Scorers

FP32 = Decision("fp32", "as set")
TEXTS = ["so it goes", "why?", "so it goes", "a much longer response that goes on " * 4]


@pytest.fixture
def reading(causal: Path) -> Reading:
    return Reading(from_encoder(causal, 3, "float32"), load_tokenizer(causal), FP32)


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of texts of every batch that a LinearProbe's model reads."""
    batches: list[int] = []
    embed = LinearProbe.embed

    def counting(self: LinearProbe, response_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        batches.append(len(response_mask))
        return embed(self, response_mask, **inputs)

    monkeypatch.setattr(LinearProbe, "embed", counting)
    return batches


def test_a_text_is_read_once_and_alone_or_in_a_batch_alike(
    causal: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, tokenizer = _counted(monkeypatch), load_tokenizer(causal)
    rows = encode(tokenizer, TEXTS, 64)
    found = reading.of(rows)
    assert batches == [3]  # of four texts one is there twice
    assert torch.equal(reading.of(rows[::-1]), found.flip(0))
    assert batches == [3]
    for row, expected in zip(rows, found, strict=True):
        alone = Reading(from_encoder(causal, 3, "float32"), tokenizer, FP32).of([row])[0]
        torch.testing.assert_close(alone, expected, atol=1e-5, rtol=1e-4)


def test_another_length_reads_only_what_it_cuts_elsewhere(
    causal: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, tokenizer = _counted(monkeypatch), load_tokenizer(causal)
    reading.of(encode(tokenizer, TEXTS, 64))
    reading.of(encode(tokenizer, TEXTS, 16))
    assert batches == [3, 1]


def test_alike_models_are_held_once(causal: Path, reading: Reading) -> None:
    readings = Readings()
    tokenizer = load_tokenizer(causal)
    other = Reading(from_encoder(causal, 5, "float32"), tokenizer, FP32)  # other labels, the same model
    assert readings.adopt(reading) is reading
    assert readings.adopt(other) is reading
    changed = Reading(from_encoder(causal, 3, "float32"), tokenizer, FP32)
    with torch.no_grad():
        next(changed.model.encoder.parameters())[0, 0] += 1
    assert readings.adopt(changed) is changed
    rounded = Reading(from_encoder(causal, 3, "bfloat16"), tokenizer, Decision("bf16", "as set"))
    assert readings.adopt(rounded) is rounded


def test_scorers_from_their_folders_share_one_reading(
    models: Models, splits: dict[str, list[Dialogue]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Response.at(turn, turn.gold.content) for turn in supporter_turns(splits["test"])]
    batches = _counted(monkeypatch)
    both = Scorers.below(models.folder)
    found = {kind: both.labels(kind, rows) for kind in ("level", "epitome/ip")}
    assert sum(batches) == len({row.response for row in rows})
    for kind, labels in found.items():
        assert Scorers.below(models.folder).labels(kind, rows) == labels


def test_every_group_has_one_member(models: Models) -> None:
    levels, _ = Scorers.below(models.folder)._load("level")
    texts = [("", f"why? what? {i}") for i in range(12)]
    groups = [f"d{i % 5}" for i in range(12)]
    found = levels.predict(texts, groups)
    for i, (text, group) in enumerate(zip(texts, groups, strict=True)):
        member = levels.members[share_of(group, 2)]
        np.testing.assert_allclose(found[i], member.predict([text])[0], atol=1e-4)
    assert {share_of(group, 2) for group in groups} == {0, 1}
    assert Labeller(levels.members).predict([], []).shape == (0, 5)
