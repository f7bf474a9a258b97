"""What tells chosen from rejected, on pairs where it is known."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eva.data.dialogue import Preference
from eva.models.sentence_encoder import embed
from eva.preferences.measures import measure, similarities

TOPICS = {"work": 0, "sleep": 1, "food": 2}


def by_topic(texts: Sequence[str]) -> np.ndarray:
    """A vector along the topic that a text names first, if it names one."""
    vectors = np.full((len(texts), 4), 1e-3, dtype=np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        vector[next((place for name, place in TOPICS.items() if name in text), 3)] = 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pair(chosen: str, rejected: str, levels: tuple[int | None, int | None], source: str) -> Preference:
    history = ({"role": "user", "content": "work again"}, {"role": "assistant", "content": "work?"})
    return Preference(
        "p", "d", 1, 2, (*history, {"role": "user", "content": "work"}), chosen, rejected, *levels, source
    )


def test_by_hand() -> None:
    pairs = [
        pair("work is hard", "sleep well", (1, 4), "public:human"),
        pair("oh", "work", (2, 2), "public:same_turn"),
        pair("work", "work", (2, None), "public:model"),
        pair("a b c", "d e f", (None, None), "evad"),
    ]
    found = measure([replace(one, dialogue_id=str(number)) for number, one in enumerate(pairs)], by_topic)
    assert (found.levels_known, found.level_contrast, found.level_gap) == (0.5, 0.5, 1.5)
    assert found.length_ratio == pytest.approx(8 / 7)
    assert found.longer == pytest.approx((1 + 0.5 + 0.5 + 0.5) / 4)
    assert found.closer == pytest.approx((1 + 0 + 0.5 + 0.5) / 4)
    assert (found.closer_low, found.closer_high) == pytest.approx((0.0676, 0.9324), abs=1e-4)
    assert found.chosen_similarity == pytest.approx(0.5, abs=5e-3)
    assert found.same_author == 0.5
    assert (found.human_chosen, found.human_rejected) == (0.75, 0.5)


def test_pairs_of_one_dialogue_are_no_independent_evidence() -> None:
    pairs = [pair("work is hard", "sleep well", (1, 4), "evad")] * 30
    split = [replace(one, dialogue_id=str(number)) for number, one in enumerate(pairs)]
    assert measure(pairs, by_topic).closer_low == 0
    assert measure(split, by_topic).closer_low > 0.8


def test_no_levels_are_unknown_and_not_alike() -> None:
    found = measure([pair("work", "sleep", (None, None), "evad")], by_topic)
    assert (found.levels_known, found.level_contrast, found.level_gap) == (0, None, None)


def test_a_real_encoder_finds_the_reply_that_is_on_topic(minilm: Path) -> None:
    asked = {"role": "user", "content": "My boss fired me yesterday and I cannot pay the rent."}
    on, off = "Losing your job must be frightening.", "Cats sleep most of the day."
    one = replace(pair(on, off, (2, 3), "public:human"), history=(asked,))
    ours, theirs = similarities([one], lambda texts: embed(minilm, texts))[0]
    assert ours > theirs + 0.1


def test_embeddings_are_of_length_one_in_order_whatever_stands_beside(minilm: Path) -> None:
    texts = ["so sad", "a much longer text about many things " * 9, "so sad", ""]
    found = embed(minilm, texts)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found[0], embed(minilm, ["so sad"])[0], atol=1e-5)
    np.testing.assert_array_equal(found[0], found[2])
