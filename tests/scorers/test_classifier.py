"""Fine-tuning on texts whose label is in their words."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from eva.errors import InputError
from eva.scorers.encoder_classifier import Classifier, Fitter
from eva.scorers.ensemble import Ensemble
from eva.scorers.regression import class_weights
from eva.scorers.response_classifier import from_encoder
from eva.scorers.scorer_folder import LabelSet, load, save
from eva.settings.level_classifier_section import LevelClassifier

TEXTS = [
    ("it is late", ["why? what?", "you said so", "I have been there"][i % 3] + f" {i}") for i in range(36)
]
LABELS = [i % 3 for i in range(36)]
NAMES = LabelSet("level", ["a", "b", "c"], 1, 64)


@pytest.fixture(scope="module")
def trained(encoder: Path, level_settings: LevelClassifier) -> Classifier:
    return fitted(encoder, level_settings)


def fitted(encoder: Path, settings: LevelClassifier) -> Classifier:
    return Fitter(encoder, TEXTS, 3, settings).fit(LABELS, range(len(TEXTS)), "all rows")


def test_it_learns_and_keeps_the_order(trained: Classifier) -> None:
    found = trained.predict(TEXTS)
    assert found.shape == (36, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == np.array(LABELS)).mean() > 0.9


def test_every_weight_moved(trained: Classifier, encoder: Path, level_settings: LevelClassifier) -> None:
    untouched = Fitter(encoder, TEXTS, 3, level_settings)._untouched.state_dict()
    still = {
        name for name, value in trained.model.state_dict().items() if torch.equal(value, untouched[name])
    }
    # Ids are no weights, and a key's bias shifts all scores of a query alike: it has no gradient.
    assert not {name for name in still if "_ids" not in name and "key.bias" not in name}


def test_a_seed_gives_one_model_and_leaves_the_callers_draws(
    trained: Classifier, encoder: Path, level_settings: LevelClassifier
) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    again = fitted(encoder, level_settings)
    assert torch.equal(torch.rand(1), expected)
    np.testing.assert_array_equal(again.predict(TEXTS), trained.predict(TEXTS))
    other = fitted(encoder, level_settings.model_copy(update={"seed": 1}))
    assert not np.allclose(other.predict(TEXTS), trained.predict(TEXTS))


def test_pooling_by_hand(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = from_encoder(encoder, 2)
    given = torch.tensor([[[1.0, -2.0], [3.0, -6.0], [9.0, 9.0]], [[5.0, 5.0], [7.0, 7.0], [8.0, 8.0]]])
    monkeypatch.setattr(model.encoder, "forward", lambda: SimpleNamespace(last_hidden_state=given))
    pooled = model.pool(torch.tensor([[1, 1, 0], [0, 0, 0]]))
    assert pooled.tolist() == [[2, -4], [0, 0]]  # the mean; of no token at all: nothing


def test_a_trained_model_has_the_attention_that_it_came_with(trained: Classifier) -> None:
    assert trained.model.encoder.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_encoders_dropout_is_the_settings(
    encoder: Path, level_settings: LevelClassifier, dropout: float
) -> None:
    model = fitted(encoder, level_settings.model_copy(update={"dropout": dropout})).model
    parts = [part.p for part in model.encoder.modules() if isinstance(part, torch.nn.Dropout)]
    assert parts
    assert set(parts) == {dropout}


def test_fewer_layers(encoder: Path, level_settings: LevelClassifier, tmp_path: Path) -> None:
    shallow = fitted(encoder, level_settings.model_copy(update={"layers": 1}))
    save([Ensemble([shallow], [1.0])], NAMES, tmp_path)
    loaded = load(tmp_path, "level", NAMES.labels)[0].members[0].members[0]
    assert loaded.model.encoder.config.num_hidden_layers == 1
    np.testing.assert_allclose(loaded.predict(TEXTS), shallow.predict(TEXTS), atol=1e-6)


def test_saved_and_loaded_it_says_the_same(trained: Classifier, tmp_path: Path) -> None:
    save([Ensemble([trained], [1.0])], NAMES, tmp_path)
    loaded, labels = load(tmp_path, "level", NAMES.labels)
    np.testing.assert_allclose(loaded.predict(TEXTS, ["d"] * len(TEXTS)), trained.predict(TEXTS), atol=1e-6)
    assert labels == NAMES
    assert not list(tmp_path.glob("*.bin"))


def test_an_unfit_folder_is_refused(trained: Classifier, tmp_path: Path) -> None:
    save([Ensemble([trained], [1.0])], NAMES, tmp_path / "a")
    with pytest.raises(InputError, match="trained for `level`, but `epitome/ip` is needed"):
        load(tmp_path / "a", "epitome/ip", NAMES.labels)
    with pytest.raises(InputError, match="its labels are"):
        load(tmp_path / "a", "level", ["none", "1"])
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "absent", "level", NAMES.labels)
    (tmp_path / "a" / "model.safetensors").rename(tmp_path / "a" / "pytorch_model.bin")
    (tmp_path / "a" / "labels.json").unlink()
    with pytest.raises(InputError, match=r"(?s)no labels\.json.*no \*\.safetensors"):
        load(tmp_path / "a", "level", NAMES.labels)


def test_class_weights() -> None:
    target = torch.tensor([0] * 8 + [1] * 2)
    torch.testing.assert_close(class_weights(target, 3, 0.0), torch.tensor([1.0, 1.0, 0.0]))
    # Inverse counts 1/8 and 1/2 give each class half of the total weight of 10.
    torch.testing.assert_close(class_weights(target, 3, 1.0), torch.tensor([0.625, 2.5, 0.0]))
