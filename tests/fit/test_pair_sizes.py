"""Trees are sized as the training grows them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from eva.data.dialogue import Preference
from eva.fit.inputs import Inputs
from eva.fit.pair_sizes import PairSize, as_trees, one_by_one
from eva.settings.params_file import load_settings
from eva.settings.profiles import profile_text
from eva.training.pair_batch import PairBatch


def test_by_hand() -> None:
    pairs = [PairSize("a", 100, (10, 20)), PairSize("a", 150, (10, 10)), PairSize("b", 50, (5, 5))]
    alone = one_by_one(pairs)
    assert (alone.n, alone.tokens, alone.scored) == (6, 110 + 120 + 160 + 160 + 55 + 55, 60)
    together = as_trees(pairs, 8, 1000)
    assert (together.n, together.tokens, together.scored) == (1, 150 + 50 + 50 + 10, 60)
    assert together.squares == 2 * 260**2, "every token attends to every other under a mask"
    assert as_trees(pairs, 8, 210).n == 2, "what does not fit together is read one after the other"
    assert as_trees(pairs, 1, 1000).tokens == 130 + 170 + 60, "batches of one pair share nothing"


def test_it_is_what_the_training_reads(root: Path) -> None:
    settings = load_settings(yaml.safe_load(profile_text(root / "profiles", "laptop")))
    pairs = Inputs(settings, root).pairs("smollm2").train
    ordered = sorted(pairs, key=lambda one: one.dialogue)
    ours = as_trees(pairs, settings.dpo.batch_size, settings.dpo.tree_tokens).tokens
    size = settings.dpo.batch_size
    read = sum(_read(ordered[start : start + size]) for start in range(0, len(ordered), size))
    assert ours == pytest.approx(read, rel=0.05)


def _read(pairs: Sequence[PairSize]) -> int:
    """Tokens that the trainer reads of pairs of these sizes."""
    rows = [
        {
            "prompt_ids": [hash(one.dialogue) % 10_000] * one.prompt,
            "chosen_ids": [1] * one.answers[0],
            "rejected_ids": [2] * one.answers[1],
        }
        for one in pairs
    ]
    return PairBatch(rows, 4096).tokens


def test_the_model_is_asked_where_the_recipe_says_so(root: Path) -> None:
    raw = yaml.safe_load(profile_text(root / "profiles", "smoke"))
    raw["preferences"] |= {"recipe": "public", "rejected": "model", "max_pairs": 6}
    pairs = Inputs(load_settings(raw), root).pairs("tiny_llama")
    assert sum(answers for _, answers in pairs.asked) == 6
    assert len(pairs.train) + len(pairs.valid) == 6
    raw["preferences"]["rejected"] = "human"
    assert not Inputs(load_settings(raw), root).pairs("tiny_llama").asked


def test_preferences_are_measured_with_their_head() -> None:
    from eva.fit.pair_sizes import measured_pair

    history = ({"role": "user", "content": "one two three"},)
    pair = Preference("p", "d", 1, 1, history, "a b", "c", 1, 4, "evad")
    size = measured_pair(pair, lambda text: len(text.split()), 10_000)
    assert size.answers == (3, 2)
    assert size.prompt > 3 + 5
    assert measured_pair(pair, lambda text: len(text.split()), 40).prompt == 37
