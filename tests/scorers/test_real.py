"""What the scorers learn from a small part of the real data, with the settings of the study."""

from pathlib import Path

import pytest

from eva.data.epitome import load_epitome
from eva.data.prepare import prepare
from eva.scorers.epitome_scorer import train_scorer
from eva.scorers.levels import train_level_classifier
from eva.settings.params_file import Settings
from eva.settings.profiles import profile_settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(root: Path) -> Settings:
    return profile_settings(root / "profiles", "study")


def test_emotional_reactions(
    shared_data: Path,
    minilm: Path,
    settings: Settings,
    tmp_path: Path,
) -> None:
    pairs = load_epitome(shared_data / "epitome", "er")[::10]
    card = train_scorer(
        settings.epitome, "er", minilm, minilm, pairs, tmp_path / "er"
    ).scorecard.cross_validated
    assert card.n > 200
    assert card.accuracy > card.majority_accuracy + 0.03
    assert card.macro_f1 > 0.5  # saying the commonest class gets .27


def test_levels(shared_data: Path, minilm: Path, settings: Settings, tmp_path: Path) -> None:
    corpus = settings.corpora["esconv"].model_copy(update={"path": shared_data / "esconv"})
    found = prepare("esconv", corpus, settings.prepare)
    splits = {"train": found.splits["train"][::20], "valid": [], "test": found.splits["test"][::9]}
    # A twentieth of the rows: three passes and larger steps make up for the steps that they lack.
    short = {"labels": "strategies", "folds": 2, "epochs": 3, "lr": 4e-4}
    chosen = settings.level_classifier.model_copy(update=short)
    scores = train_level_classifier(
        chosen, minilm, minilm, splits, Path("unused"), tmp_path / "levels"
    ).scorecard
    assert scores.test is not None
    for evidence in (scores.cross_validated, scores.test):
        assert evidence.four.accuracy > evidence.four.majority_accuracy + 0.1
        assert evidence.four.macro_f1 > 0.4  # saying the commonest level gets .14
