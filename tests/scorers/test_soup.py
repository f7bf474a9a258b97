"""The mean of classifiers' weights."""

from pathlib import Path

import pytest
import torch
from tests.scorers.test_classifier import LABELS, TEXTS

from eva.scorers.encoder_classifier import Fitter
from eva.scorers.ensemble import EnsembleFitter
from eva.scorers.probe_fitter import ProbeFitter
from eva.scorers.weight_average import Soup
from eva.settings.level_classifier_section import LevelClassifier


def test_the_mean_of_three_sets_of_weights(
    encoder: Path, causal: Path, level_settings: LevelClassifier
) -> None:
    fitters = [Fitter(encoder, TEXTS, 3, level_settings), ProbeFitter(causal, TEXTS, 3, level_settings)]
    fitter = EnsembleFitter(fitters, [0.75, 0.25])
    thirds = [fitter.fit(LABELS, range(start, 36, 3), "part") for start in range(3)]
    soup = Soup()
    for one in thirds:
        soup.add(one)
    for member, name in (
        (0, "encoder.embeddings.word_embeddings.weight"), (0, "classifier.weight"), (1, "classifier.weight"),
    ):  # fmt: skip
        states = [one.members[member].model.state_dict() for one in thirds]
        expected = (states[0][name] + states[1][name] + states[2][name]) / 3
        torch.testing.assert_close(soup.ensemble().members[member].model.state_dict()[name], expected)
        assert not torch.equal(states[0][name], states[1][name])
    probed = (one.members[1].model.encoder.state_dict() for one in (thirds[0], soup.ensemble()))
    for before, after in zip(*(state.values() for state in probed), strict=True):
        assert torch.equal(before, after)
    assert soup.ensemble().shares == [0.75, 0.25]
    assert soup.ensemble().predict(TEXTS).shape == (36, 3)


def test_of_nothing() -> None:
    with pytest.raises(ValueError, match="no ensemble was added"):
        Soup().ensemble()
