"""Training above frozen layers: what is reused is what the whole model would compute."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.scorers.test_classifier import LABELS, TEXTS
from transformers import AutoTokenizer

from eva.errors import InputError
from eva.models.response_classifier import from_encoder
from eva.settings import LevelClassifier
from eva.training.classifier import Fitter
from eva.training.encoding import collate, encode
from eva.training.frozen import above, with_states


def test_the_part_above_says_what_the_whole_says(encoder: Path) -> None:
    model, tokenizer = from_encoder(encoder, 3).eval(), AutoTokenizer.from_pretrained(encoder)
    rows, cpu = encode(tokenizer, [*TEXTS[:3], "short"], 64), torch.device("cpu")
    given = with_states(model, rows, tokenizer, 1)
    with torch.no_grad():
        whole = model(**collate(rows, tokenizer, cpu)).logits
        upper = above(model, 1)(**collate(given, tokenizer, cpu)).logits
    torch.testing.assert_close(upper, whole, atol=2e-3, rtol=0)  # states are kept in half precision
    assert [len(row.input_ids) for row in given] == [
        len(row.states) for row in given if row.states is not None
    ]
    assert len(model.encoder.encoder.layer) == 2  # the model itself is as it was


def test_layers_below_stay_and_those_above_learn(encoder: Path, level_settings: LevelClassifier) -> None:
    settings = level_settings.model_copy(update={"frozen": 1})
    fitter = Fitter(encoder, TEXTS, 3, settings)
    untouched = fitter._untouched.state_dict()
    trained = fitter.fit(LABELS, range(len(TEXTS)), "all rows")
    moved = {
        name for name, value in trained.model.state_dict().items() if not torch.equal(value, untouched[name])
    }
    assert moved
    assert not any("embeddings" in name or "layer.0." in name for name in moved)
    assert any("layer.1." in name for name in moved)
    assert (trained.predict(TEXTS).argmax(axis=1) == np.array(LABELS)).mean() > 0.9


def test_held_out_rows_are_labelled_as_by_the_whole_model(
    encoder: Path, level_settings: LevelClassifier
) -> None:
    fitter = Fitter(encoder, TEXTS, 3, level_settings.model_copy(update={"frozen": 1}))
    classifier = fitter.fit(LABELS, range(24), "x")
    found = fitter.probabilities(classifier, range(24, 36))
    np.testing.assert_allclose(found, classifier.predict(TEXTS[24:]), atol=5e-3)


@pytest.mark.parametrize("frozen", [2, 3])
def test_something_must_be_left_to_train(encoder: Path, level_settings: LevelClassifier, frozen: int) -> None:
    with pytest.raises(InputError, match="nothing is left to train"):
        Fitter(encoder, TEXTS, 3, level_settings.model_copy(update={"frozen": frozen}))
