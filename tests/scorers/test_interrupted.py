"""A scorer whose training was interrupted goes on from what it had, to the same scorer."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.scorers.conftest import Models

from eva.artifacts import digest_path
from eva.data.dialogue import Dialogue
from eva.data.epitome import EpitomePair
from eva.scorers import encoder_classifier, epitome_scorer, probe_fitter
from eva.scorers.epitome_scorer import train_scorer
from eva.scorers.levels import train_level_classifier
from eva.settings.epitome_section import Epitome
from eva.settings.level_classifier_section import LevelClassifier

pytestmark = pytest.mark.slow


class Interrupted(KeyboardInterrupt):
    """Ctrl-C at a chosen place."""


def stop_at(call: int, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[str]:
    """Raise at that call of a function, from 1; returns the list of calls that went on."""
    whole, calls = getattr(owner, name), list[str]()

    def counted(*given: Any, **named: Any) -> Any:
        if len(calls) + 1 == call:
            raise Interrupted
        calls.append(name)
        return whole(*given, **named)

    monkeypatch.setattr(owner, name, counted)
    return calls


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_the_level_classifier_goes_on_from_its_finished_folds(
    damaged: bool,
    models: Models,
    encoder: Path,
    causal: Path,
    splits: dict[str, list[Dialogue]],
    level_settings: LevelClassifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, out = tmp_path / "store", tmp_path / "out"
    given = level_settings, encoder, causal, splits, Path("unused"), out, (), store
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        stop_at(2, patch, encoder_classifier._Run, "train")
        train_level_classifier(*given)
    assert not out.exists()
    (fold,) = store.glob("*/fit-*.safetensors")
    if damaged:
        flip(fold)
    fits = stop_at(99, monkeypatch, encoder_classifier._Run, "train")
    reads = stop_at(99, monkeypatch, probe_fitter.ProbeFitter, "_read")
    with caplog.at_level(logging.WARNING):
        train_level_classifier(*given)
    assert len(fits) == (2 if damaged else 1) and not reads
    assert ("is damaged; it is computed again" in caplog.text) == damaged
    assert digest_path(out) == digest_path(models.folder / "level_classifier")
    assert not [path for path in store.iterdir() if path.is_dir()]


def test_an_epitome_scorer_goes_on_from_what_was_read(
    models: Models,
    encoder: Path,
    causal: Path,
    pairs: list[EpitomePair],
    epitome_settings: Epitome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, out = tmp_path / "store", tmp_path / "out"
    given = epitome_settings, "ip", encoder, causal, pairs, out, store
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        stop_at(1, patch, epitome_scorer, "cross_validate")
        train_scorer(*given)
    assert not out.exists()
    reads = stop_at(99, monkeypatch, probe_fitter.ProbeFitter, "_read")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):  # of other pairs nothing is taken
        patch.setattr(epitome_scorer, "cross_validate", lambda *given: (_ for _ in ()).throw(Interrupted))
        others = [replace(pair, response_post=f"{pair.response_post}.") for pair in pairs]
        train_scorer(*given[:4], others, *given[5:])
    assert len(reads) == 1
    train_scorer(*given)
    assert len(reads) == 1
    assert digest_path(out) == digest_path(models.folder / "epitome" / "ip")
