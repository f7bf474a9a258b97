"""EPITOME's scorers on pairs whose degree is in their words."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.scorers.conftest import Models

from eva.artifacts import read_json
from eva.data.epitome import EpitomePair, load_epitome
from eva.errors import InputError
from eva.scorers.encoding import Text
from eva.scorers.ensemble import blend
from eva.scorers.epitome_scorer import DEGREE_LABELS, clean, train_scorer
from eva.scorers.labeller import share_of
from eva.scorers.scorer_folder import load
from eva.scorers.sentence_fitter import SentenceClassifier
from eva.settings.epitome_section import Epitome


def test_repeats_and_conflicts(pairs: list[EpitomePair]) -> None:
    given = [*pairs[:4], pairs[0], pairs[0], replace(pairs[1], level=2), pairs[1]]
    cleaned = clean(given)
    assert cleaned.pairs == [pairs[0], pairs[2], pairs[3]]
    assert (cleaned.repeats, cleaned.conflicts, cleaned.repeated_pairs) == (2, 1, 2)


@pytest.mark.parametrize(
    ("mechanism", "conflicts", "repeats"), [("er", 10, 51), ("ex", 5, 55), ("ip", 10, 51)]
)
def test_the_real_files(shared_data: Path, mechanism: str, conflicts: int, repeats: int) -> None:
    pairs = load_epitome(shared_data / "epitome", mechanism)
    cleaned = clean(pairs)
    assert (len(pairs), cleaned.conflicts) == (3084, conflicts)
    assert len(cleaned.pairs) + cleaned.conflicts == 3084 - 61
    assert cleaned.repeats == repeats  # one of the conflicting pairs of `ex` is there three times


def test_training(models: Models) -> None:
    card = models.ip.cross_validated
    assert card.notes["posts"] == 30
    assert len(card.fold_accuracy) == 2
    assert card.accuracy > card.majority_accuracy + 0.2
    assert read_json(models.folder / "epitome" / "ip" / "labels.json")["kind"] == "epitome/ip"
    assert read_json(models.folder / "epitome" / "ip" / "scorecard.json") == json.loads(
        json.dumps(models.ip.to_dict())
    )


def test_posts_of_the_test_taught_nothing(
    models: Models, pairs: list[EpitomePair], epitome_settings: Epitome, encoder: Path, tmp_path: Path
) -> None:
    tested = models.ip.test
    assert tested is not None
    assert models.ip.cross_validated.n + tested.n == 60
    assert tested.n == 2 * tested.notes["posts"] > 0
    assert tested.accuracy > tested.majority_accuracy + 0.2
    # With every degree of the tested posts turned about, the same scorer is made.
    share = [share_of(pair.seeker_post.casefold(), 10_000) for pair in pairs]
    lied = [
        replace(pair, level=2 - pair.level) if place < 2500 else pair
        for pair, place in zip(pairs, share, strict=True)
    ]
    settings = epitome_settings.model_copy(update={"probe_share": 0.0})
    cards = [
        train_scorer(settings, "ip", encoder, tmp_path, given, tmp_path / name).scorecard
        for name, given in (("true", pairs), ("lied", lied))
    ]
    assert cards[0].cross_validated == cards[1].cross_validated
    assert cards[0].test != cards[1].test
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("true", "lied")]
    assert weights[0] == weights[1]


def test_no_share_no_test(
    encoder: Path, pairs: list[EpitomePair], epitome_settings: Epitome, tmp_path: Path
) -> None:
    settings = epitome_settings.model_copy(update={"probe_share": 0.0, "test_share": 0.0})
    card = train_scorer(settings, "ip", encoder, tmp_path, pairs, tmp_path / "ip").scorecard
    assert card.test is None
    assert card.cross_validated.n == 60


def test_sentence_scorer_and_probe_vote(models: Models) -> None:
    folder = models.folder / "epitome" / "ip"
    labeller, labels = load(folder, "epitome/ip", list(DEGREE_LABELS))
    (scorer,) = labeller.members
    assert labels.probe_share == models.ip.cross_validated.notes["probe_share"] == 0.25
    assert isinstance(scorer.members[0], SentenceClassifier)
    asked: list[Text] = [("my post", "why? so it goes"), ("my post", "so it goes")]
    each = [member.predict(asked) for member in scorer.members]
    np.testing.assert_allclose(scorer.predict(asked), blend(each, [0.75, 0.25]))
    assert not np.allclose(*each)


def test_no_share_no_probe(
    encoder: Path, pairs: list[EpitomePair], epitome_settings: Epitome, tmp_path: Path
) -> None:
    settings = epitome_settings.model_copy(update={"probe_share": 0.0})
    train_scorer(settings, "ip", encoder, tmp_path / "nowhere", pairs, tmp_path / "ip")
    assert not (tmp_path / "ip" / "probe").exists()
    (member,) = load(tmp_path / "ip", "epitome/ip", list(DEGREE_LABELS))[0].members
    assert [type(one) for one in member.members] == [SentenceClassifier]


def test_one_degree_is_nothing_to_learn(
    encoder: Path, pairs: list[EpitomePair], epitome_settings: Epitome, tmp_path: Path
) -> None:
    same = [replace(pair, level=1) for pair in pairs]
    with pytest.raises(InputError, match=r"all \d+ pairs have the same degree"):
        train_scorer(epitome_settings, "ip", encoder, tmp_path, same, tmp_path / "ip")
