"""A tiny random encoder, and texts whose level is in their words."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from eva.data.dialogue import Dialogue, Turn
from eva.data.epitome import EpitomePair
from eva.scorers.epitome_scorer import EpitomeScorecard, train_scorer
from eva.scorers.levels import LevelResult, train_level_classifier
from eva.settings.epitome_section import Epitome
from eva.settings.level_classifier_section import LevelClassifier

SAID = {
    "Others": "hi thanks bye",
    "Question": "what happened? why? when?",
    "Restatement or Paraphrasing": "you were told to leave the house",
    "Affirmation and Reassurance": "anyone would be hurt, it makes sense",
    "Self-disclosure": "I failed too, I have been there",
}


def _dialogue(number: int) -> Dialogue:
    names = list(SAID)
    turns: list[Turn] = []
    for step in range(4):
        name = names[(number + step) % len(names)]
        turns.append(Turn("user", f"the {number * 7 + step} thing went wrong again"))
        turns.append(Turn("assistant", f"{SAID[name]} {number % 3}", (name,)))
    return Dialogue(f"toy-{number}", "toy", number, tuple(turns))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random RoBERTa of two layers with a tokenizer of its own."""
    from eva.models.tiny import build_tiny

    folder = tmp_path_factory.mktemp("encoder") / "tiny_roberta"
    build_tiny("roberta", "encoder", folder)
    return folder


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama for the probe."""
    from eva.models.tiny import build_tiny

    folder = tmp_path_factory.mktemp("causal") / "tiny_llama"
    build_tiny("llama", "causal", folder)
    return folder


@pytest.fixture(scope="session")
def splits() -> dict[str, list[Dialogue]]:
    """Twenty, five and five dialogues; every turn's words give its strategy away."""
    made = [_dialogue(number) for number in range(30)]
    return {"train": made[:20], "valid": made[20:25], "test": made[25:]}


@pytest.fixture(scope="session")
def pairs() -> list[EpitomePair]:
    """Sixty responses to thirty posts: the degree is how often the response says why."""
    return [
        EpitomePair(
            f"s{i // 2}", f"r{i}", f"post {i // 2} of mine", "why? " * (i % 3) + "so it goes", i % 3, ()
        )
        for i in range(60)
    ]


@pytest.fixture(scope="session")
def level_settings() -> LevelClassifier:
    return LevelClassifier(
        encoder="tiny", epochs=3, lr=5e-3, batch_size=16, max_length=64, balance=0.5, folds=2, dropout=0.1,
        corpus="toy", labels="strategies", context_turns=1, probe="causal", probe_share=0.25,
    )  # fmt: skip


@pytest.fixture(scope="session")
def epitome_settings() -> Epitome:
    return Epitome(
        encoder="tiny",
        max_length=64,
        balance=0.5,
        folds=2,
        mechanisms=["ip"],
        test_share=0.25,
        probe="causal",
        probe_share=0.25,
    )


@dataclass(frozen=True)
class Models:
    """A trained level classifier and IP scorer, laid out as the DAG lays them out."""

    folder: Path
    levels: LevelResult
    ip: EpitomeScorecard


@pytest.fixture(scope="session")
def models(
    encoder: Path,
    causal: Path,
    splits: dict[str, list[Dialogue]],
    pairs: list[EpitomePair],
    level_settings: LevelClassifier,
    epitome_settings: Epitome,
    tmp_path_factory: pytest.TempPathFactory,
) -> Models:
    folder = tmp_path_factory.mktemp("models")
    levels = train_level_classifier(
        level_settings, encoder, causal, splits, Path("unused"), folder / "level_classifier"
    )
    ip = train_scorer(epitome_settings, "ip", encoder, causal, pairs, folder / "epitome" / "ip")
    return Models(folder, levels, ip.scorecard)
