"""Judging sentence by sentence, on responses of which one sentence decides."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from eva.scorers.ensemble import Ensemble
from eva.scorers.scorer_folder import LabelSet, load, save
from eva.scorers.sentence_fitter import Pair, SentenceClassifier, SentenceFitter
from eva.scorers.sentence_scorer import from_encoder
from eva.settings.epitome_section import Epitome

SAID = ("ok then", "that must hurt a lot", "what happened there? when?")
LABELS = [i % 3 for i in range(60)]
PAIRS = [
    Pair(
        f"post {i // 2}", f"I went home {i % 4}. {SAID[i % 3]}. See you {i % 5}.", [SAID[i % 3]], str(i // 2)
    )
    for i in range(60)
]
TEXTS = [(pair.post, pair.response) for pair in PAIRS]


@pytest.fixture(scope="module")
def fitter(encoder: Path, epitome_settings: Epitome) -> SentenceFitter:
    return SentenceFitter(encoder, PAIRS, 3, epitome_settings)


@pytest.fixture(scope="module")
def trained(fitter: SentenceFitter) -> SentenceClassifier:
    return fitter.fit(LABELS, range(40), "x")


def test_it_learns_and_keeps_the_order(fitter: SentenceFitter, trained: SentenceClassifier) -> None:
    found = trained.predict(TEXTS)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1)[40:] == np.array(LABELS)[40:]).mean() > 0.9
    np.testing.assert_allclose(fitter.probabilities(trained, range(59, -1, -1)), found[::-1], atol=1e-5)


def test_it_says_which_sentence(trained: SentenceClassifier, fitter: SentenceFitter) -> None:
    of_one, _ = fitter._features.of([1])
    judged = trained.model.sentence_layer(of_one.sentences).argmax(-1)
    assert judged.tolist() == [0, 1, 0]


def test_judgements_of_sentences_are_out_of_fold(
    fitter: SentenceFitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time the sentence layer judges for the response layer, it has seen none of those sentences."""
    features, _ = fitter._features.of(range(60))
    target, fold = torch.tensor(LABELS)[features.owner], features.owner % 3
    seen: list[int] = []
    model = SimpleNamespace(sentence_layer=lambda read: torch.full((len(read), 3), float(len(seen))))
    monkeypatch.setattr(fitter, "_fit_sentences", lambda model, read, target: seen.append(len(read)))
    logits = fitter._out_of_fold(model, features, target, fold)  # type: ignore[arg-type]
    assert seen == [int((fold != number).sum()) for number in range(3)]
    assert logits[:, 0].tolist() == (fold + 1).tolist()


def test_the_encoder_stays_as_it_is(encoder: Path, trained: SentenceClassifier) -> None:
    before, after = from_encoder(encoder, 3).state_dict(), trained.model.state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    layers = ("sentence_layer", "response_layer")
    assert moved == {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}


def test_evidence_by_hand(encoder: Path) -> None:
    model = from_encoder(encoder, 2)
    logits = torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, -5.0]])
    said = torch.tensor([[1.0], [3.0], [7.0]])
    found = model.evidence(logits, said, torch.tensor([0, 0, 1]), torch.tensor([[8.0], [9.0]]))
    first = [3, 0, 2, 0, np.log(np.e + np.e**3), np.log(2), np.log(3), 2, 3, 8]
    np.testing.assert_allclose(found.numpy(), [first, [5, -5, 5, -5, 5, -5, np.log(2), 7, 7, 9]], rtol=1e-5)


def test_embedding_by_hand(encoder: Path) -> None:
    """Layer 1 of 2 is two thirds of the way up; padding counts for nothing."""
    model = from_encoder(encoder, 2).eval()
    ids, mask = torch.tensor([[5, 9, 7, 1]]), torch.tensor([[1, 1, 1, 0]])
    states = model.encoder(input_ids=ids[:, :3], output_hidden_states=True).hidden_states
    expected = torch.cat([states[1].mean(1), states[2].mean(1)], dim=1)
    torch.testing.assert_close(model.embed(mask, input_ids=ids), expected, atol=1e-5, rtol=1e-4)


def test_odd_responses(trained: SentenceClassifier) -> None:
    odd = [("", ""), ("post", ":)"), ("post", "word " * 400), ("post", "So. " * 300), "no post"]
    assert np.isfinite(trained.predict(odd)).all()
    assert trained.predict([]).shape == (0, 3)


def test_saved_and_loaded_it_says_the_same(trained: SentenceClassifier, tmp_path: Path) -> None:
    labels = LabelSet("epitome/ip", ["0", "1", "2"], 1, 64)
    save([Ensemble([trained], [1.0])], labels, tmp_path)
    labeller, found = load(tmp_path, "epitome/ip", labels.labels)
    loaded = labeller.members[0].members[0]
    assert isinstance(loaded, SentenceClassifier)
    assert found == labels
    np.testing.assert_allclose(loaded.predict(TEXTS), trained.predict(TEXTS), atol=1e-6)
