"""The mean of classifiers' weights."""

from pathlib import Path

import pytest
import torch
from tests.scorers.test_classifier import LABELS, TEXTS

from eva.settings import LevelClassifier
from eva.training.classifier import Fitter
from eva.training.soup import Soup


def test_the_mean_of_three_sets_of_weights(encoder: Path, level_settings: LevelClassifier) -> None:
    fitter = Fitter(encoder, TEXTS, 3, level_settings)
    thirds = [fitter.fit(LABELS, range(start, 36, 3), "part") for start in range(3)]
    soup = Soup()
    for one in thirds:
        soup.add(one)
    states = [one.model.state_dict() for one in thirds]
    found = soup.classifier().model.state_dict()
    for name in ("classifier.weight", "encoder.embeddings.word_embeddings.weight"):
        expected = (states[0][name] + states[1][name] + states[2][name]) / 3
        torch.testing.assert_close(found[name], expected)
        assert not torch.equal(states[0][name], states[1][name])
    assert soup.classifier().predict(TEXTS).shape == (36, 3)


def test_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing was added"):
        Soup().classifier()
