"""The `eva` command, called in this process from an empty folder."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eva.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Eva = Callable[..., Outcome]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def eva(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Eva:
    """`eva("score", path, …)`: the command's real entry, its exit code and its two streams."""

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["eva", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        streams = capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else int(code is not None), streams.out, streams.err)

    return run


VARIED = [(f"=SUM({n};1)\nI feel low, {n}.", f"= I hear you, {n}.\n" + "so " * n) for n in range(1, 12)]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of scorers as `dvc repro` leaves it, their weights random, no label common to all texts."""
    import numpy as np
    import torch
    from transformers import AutoTokenizer

    from eva.devices import Decision
    from eva.models.tiny import build_tiny
    from eva.scorers import response_classifier, sentence_scorer
    from eva.scorers.encoder_classifier import Classifier
    from eva.scorers.ensemble import Ensemble
    from eva.scorers.epitome_scorer import DEGREE_LABELS
    from eva.scorers.level_scorecard import LEVEL_LABELS
    from eva.scorers.reading import Reading
    from eva.scorers.reference import LevelledTurn, reference_from_levels
    from eva.scorers.scorer_folder import LabelSet, save
    from eva.scorers.sentence_fitter import SentenceClassifier

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("scorers")
    build_tiny("roberta", "encoder", folder / "encoder")
    tokenizer = AutoTokenizer.from_pretrained(folder / "encoder")
    kinds = {"level": LEVEL_LABELS, **{f"epitome/{name}": DEGREE_LABELS for name in ("ip", "ex", "er")}}
    for kind, labels in kinds.items():
        if kind == "level":
            model = response_classifier.from_encoder(folder / "encoder", len(labels))
            head = model.classifier
            classifier = Classifier(model, tokenizer, 64, Decision("fp32", "as set"))
        else:
            model = sentence_scorer.from_encoder(folder / "encoder", len(labels))
            head = model.response_layer
            reading = Reading(model, tokenizer, Decision("fp32", "as set"))
            classifier = SentenceClassifier(model, tokenizer, 64, reading)
        mean = np.log(classifier.predict(VARIED)).mean(axis=0)
        head.bias.data -= torch.tensor(mean, dtype=head.bias.dtype)
        out = folder / ("level_classifier" if kind == "level" else kind)
        save([Ensemble([classifier], [1.0])], LabelSet(kind, list(labels), 1, 64), out)
    turns = [LevelledTurn(f"d{i}", turn, 4, turn) for i in range(6) for turn in (1, 2, 3, 4)]
    reference_from_levels(turns).write(folder / "level_classifier" / "reference.json")
    shutil.rmtree(folder / "encoder")
    return folder


def row(dialogue: str = "a", turn: int = 1, n_turns: int = 2, **changed: Any) -> dict[str, Any]:
    """A good line of a responses file, with some fields changed."""
    asked = {"role": "user", "content": "I lost my job and I cannot sleep."}
    return {
        "dialogue_id": dialogue,
        "turn": turn,
        "n_turns": n_turns,
        "history": [asked],
        "response": f"That sounds hard. What happened in week {turn}?",
        "reference": "That sounds hard, how long has it been?",
        **changed,
    }


def write_rows(path: Path, rows: Sequence[Mapping[str, Any] | str]) -> Path:
    """A responses file; a text is written as it is."""
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows))
    return path
