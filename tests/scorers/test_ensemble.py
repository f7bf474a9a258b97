"""Linear probes, and an encoder and a probe that label together."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.scorers.test_classifier import LABELS, NAMES, TEXTS

from eva.artifacts import read_json
from eva.data.dialogue import Dialogue
from eva.errors import InputError
from eva.scorers.encoder_classifier import Classifier, Fitter
from eva.scorers.encoding import Text
from eva.scorers.ensemble import Ensemble, EnsembleFitter, blend
from eva.scorers.level_scorecard import LEVEL_LABELS
from eva.scorers.levels import train_level_classifier
from eva.scorers.linear_probe import LinearProbe, from_encoder
from eva.scorers.probe_fitter import ProbeFitter
from eva.scorers.scorer_folder import load, save
from eva.settings.level_classifier_section import LevelClassifier


@pytest.fixture(scope="module")
def fitter(encoder: Path, causal: Path, level_settings: LevelClassifier) -> EnsembleFitter:
    members = [Fitter(encoder, TEXTS, 3, level_settings), ProbeFitter(causal, TEXTS, 3, level_settings)]
    return EnsembleFitter(members, [0.75, 0.25])


@pytest.fixture(scope="module")
def trained(fitter: EnsembleFitter) -> Ensemble:
    return fitter.fit(LABELS, range(len(TEXTS)), "all rows")


def test_blend_by_hand() -> None:
    one, two = np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([[0.8, 0.2], [0.1, 0.9]])
    np.testing.assert_allclose(blend([one, two], [0.5, 0.5]), [[2 / 3, 1 / 3], [0.5, 0.5]])
    np.testing.assert_allclose(blend([one, two], [1, 0]), one)


def test_the_probe_learns_with_no_weight_of_its_model_changed(causal: Path, trained: Ensemble) -> None:
    probe = trained.members[1]
    assert (probe.predict(TEXTS).argmax(axis=1) == np.array(LABELS)).mean() > 0.6
    given = load_file(causal / "model.safetensors")
    for name, value in probe.reading.model.encoder.state_dict().items():
        assert torch.equal(value, given[f"model.{name}"].bfloat16())


def test_it_reads_the_response_at_three_depths(causal: Path) -> None:
    probe = from_encoder(causal, 2, "bfloat16")
    ids, ones = torch.tensor([[5, 6, 7, 8]]), torch.ones(1, 4, dtype=torch.long)
    states = probe.encoder(ids, attention_mask=ones, output_hidden_states=True).hidden_states
    read = probe.embed(torch.tensor([[0, 1, 1, 0]]), input_ids=ids, attention_mask=ones)
    expected = [states[depth][0, 1:3].float().mean(0) for depth in probe.config.depths]
    torch.testing.assert_close(read[0], torch.cat(expected))
    assert probe.embed(torch.zeros(1, 4), input_ids=ids, attention_mask=ones).abs().sum() == 0


def test_members_vote_by_their_shares(trained: Ensemble) -> None:
    each = [member.predict(TEXTS) for member in trained.members]
    np.testing.assert_allclose(trained.predict(TEXTS), blend(each, [0.75, 0.25]))
    assert not np.allclose(each[0], each[1])


def test_rows_are_labelled_as_texts_are(fitter: EnsembleFitter, trained: Ensemble) -> None:
    found = fitter.probabilities(trained, range(36))
    np.testing.assert_allclose(found, trained.predict(TEXTS), atol=1e-3)


def test_saved_and_loaded(trained: Ensemble, tmp_path: Path) -> None:
    save([trained], NAMES, tmp_path / "levels")
    assert (tmp_path / "levels" / "probe" / "model.safetensors").is_file()
    labeller, labels = load(tmp_path / "levels", "level", NAMES.labels)
    (again,) = labeller.members
    assert labels == replace(NAMES, probe_share=0.25)
    assert read_json(tmp_path / "levels" / "probe" / "labels.json")["context_turns"] == 0
    assert again.shares == [0.75, 0.25]
    np.testing.assert_allclose(again.predict(TEXTS), trained.predict(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (shutil.rmtree, "no such folder"),
        (lambda probe: (probe / "config.json").unlink(), "no config.json"),
        (lambda probe: (probe / "model.safetensors").unlink(), r"no \*.safetensors"),
        (lambda probe: shutil.copy(probe.parent / "config.json", probe), "not a linear probe"),
    ],
)
def test_a_broken_probe_is_refused(
    trained: Ensemble, tmp_path: Path, break_it: Callable[[Path], object], message: str
) -> None:
    """Without it, T would come from another labeller than V."""
    save([trained], NAMES, tmp_path)
    break_it(tmp_path / "probe")
    with pytest.raises(InputError, match=message):
        load(tmp_path, "level", NAMES.labels)


@pytest.mark.parametrize("texts", [[""], ["", "why? what?"], [("", ""), ("it is late", "why?")]])
def test_an_empty_response_has_a_label_like_any_other(trained: Ensemble, texts: list[Text]) -> None:
    found = trained.predict(texts)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_the_probe_reads_the_response_alone(fitter: EnsembleFitter, trained: Ensemble) -> None:
    texts: list[Text] = [("it is late", "why? what?"), ("so sad", "you were told")]
    encoder, probe = trained.members
    responses = [text[1] for text in texts]
    assert np.array_equal(probe.predict(texts), probe.predict(responses))
    assert not np.allclose(encoder.predict(texts), encoder.predict(responses))


def test_the_probes_fitter_reads_the_response_alone(causal: Path, level_settings: LevelClassifier) -> None:
    lone = [response for _, response in TEXTS]
    fitters = [ProbeFitter(causal, texts, 3, level_settings) for texts in (lone, TEXTS)]
    one, other = (fitter.fit(LABELS, range(36), "all") for fitter in fitters)
    assert torch.equal(one.layer.weight, other.layer.weight)


def test_no_share_no_probe(
    encoder: Path, splits: dict[str, list[Dialogue]], level_settings: LevelClassifier, tmp_path: Path
) -> None:
    settings = level_settings.model_copy(update={"probe_share": 0.0, "epochs": 1})
    nowhere, out = tmp_path / "nowhere", tmp_path / "out"
    train_level_classifier(settings, encoder, nowhere, splits, nowhere, out)
    assert not (out / "probe").exists()
    (member, *_) = load(out, "level", list(LEVEL_LABELS))[0].members
    assert [type(one) for one in member.members] == [Classifier]


def test_fits_share_one_model_below(causal: Path, level_settings: LevelClassifier) -> None:
    fitter = ProbeFitter(causal, TEXTS, 3, level_settings)
    first, second = (fitter.fit(LABELS, range(start, 36, 2), "half") for start in range(2))
    assert first.reading is second.reading
    assert not torch.equal(first.layer.weight, second.layer.weight)


def test_the_layer_keeps_its_precision(causal: Path, tmp_path: Path) -> None:
    probe = from_encoder(causal, 2, "bfloat16")
    before = copy.deepcopy(probe.classifier.weight)
    probe.save_pretrained(tmp_path)
    again = LinearProbe.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert again.classifier.weight.dtype == torch.float32
    assert torch.equal(again.classifier.weight, before)
    assert again.encoder.norm.weight.dtype == torch.bfloat16
