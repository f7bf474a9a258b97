"""What a real small encoder learns from the sample corpus, with the settings that ship."""

from pathlib import Path

import numpy as np
import pytest

from eva.data.dialogue import Dialogue, supporter_turns
from eva.data.epitome import load_epitome
from eva.data.prepare import prepare
from eva.data.responses import Response
from eva.metrics.formulas import all_distances
from eva.scorers.epitome_scorer import train_scorer
from eva.scorers.levels import LevelResult, train_level_classifier
from eva.scorers.reference import LevelledTurn, Reference, profile, reference_from_levels
from eva.scorers.trained import Scorers
from eva.settings.params_file import Settings, read_settings
from eva.statistics.estimators import Array

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(root: Path) -> Settings:
    return read_settings(root / "profiles" / "laptop.yaml")


@pytest.fixture(scope="module")
def dialogues(root: Path, settings: Settings) -> dict[str, list[Dialogue]]:
    corpus = settings.corpora["esconv"]
    return prepare("esconv", corpus.model_copy(update={"path": root / corpus.path}), settings.prepare).splits


@pytest.fixture(scope="module")
def trained(
    root: Path,
    minilm: Path,
    settings: Settings,
    dialogues: dict[str, list[Dialogue]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[LevelResult, Scorers]:
    folder = tmp_path_factory.mktemp("models")
    result = train_level_classifier(
        settings.level_classifier,
        minilm,
        minilm,
        dialogues,
        root / settings.data.levels,
        folder / "level_classifier",
    )
    return result, Scorers.below(folder)


def test_levels_beat_the_majority(trained: tuple[LevelResult, Scorers]) -> None:
    scores = trained[0].scorecard
    assert scores.cross_validated.five.accuracy > 0.7
    assert scores.cross_validated.five.macro_f1 > 0.7
    assert scores.test is not None
    assert scores.test.four.accuracy > scores.test.four.majority_accuracy + 0.2


def test_every_level_is_predicted_on_human_turns(trained: tuple[LevelResult, Scorers]) -> None:
    assert (trained[0].reference.dialogues.sum(axis=(0, 2)) > 0).all()


def test_shuffled_turns_are_further_from_v(
    trained: tuple[LevelResult, Scorers], dialogues: dict[str, list[Dialogue]]
) -> None:
    result, scorers = trained
    rows = [Response.at(turn, turn.gold.content) for turn in supporter_turns(dialogues["test"])]
    levels = np.array(scorers.labels("level", rows))
    own = _average(result.reference, rows, levels)
    rng = np.random.default_rng(0)
    shuffled = []
    for _ in range(20):
        mixed = levels.copy()
        for name in {row.dialogue_id for row in rows}:
            inside = np.flatnonzero([row.dialogue_id == name for row in rows])
            mixed[inside] = rng.permutation(levels[inside])
        shuffled.append(_average(result.reference, rows, mixed))
    assert own < min(shuffled)


def _average(reference: Reference, rows: list[Response], levels: np.ndarray) -> float:
    turns = [
        LevelledTurn(row.dialogue_id, row.turn, row.n_turns, int(level))
        for row, level in zip(rows, levels, strict=True)
    ]
    system: Array = profile(reference_from_levels(turns).dialogues).sum(axis=0)[None]
    return float(all_distances(system, reference.totals[None])["evaeval/avg"][0])


@pytest.mark.parametrize("mechanism", ["ip", "ex", "er"])
def test_epitome_beats_the_majority(
    root: Path, minilm: Path, settings: Settings, mechanism: str, tmp_path: Path
) -> None:
    pairs = load_epitome(root / settings.data.epitome, mechanism)
    card = train_scorer(
        settings.epitome, mechanism, minilm, tmp_path / "unread", pairs, tmp_path / mechanism
    ).scorecard.cross_validated
    assert card.accuracy > card.majority_accuracy + 0.15
    assert all(one.predicted for one in card.classes)
