"""The trained detector: what it learns, where its threshold lies, and what it refuses to load."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eva.errors import InputError
from eva.safety import probe_detector
from eva.safety.choice import detector_at_hand, detector_named
from eva.safety.detector import Either, Finding
from eva.safety.labelled_messages import Labelled, Part
from eva.safety.probe_detector import FILE, ProbeDetector, train_probe
from eva.safety.rule_detector import RuleDetector


class Words:
    """Stands for an encoder: two directions, for a word of danger and for any other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[1, 0] if "pit" in text else [0, 1] for text in texts], dtype=np.float32)


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(probe_detector, "SentenceEncoder", Words)
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "weights").write_text("1")
    return folder


def messages(part: Part) -> list[Labelled]:
    danger = [Labelled(f"the pit {part} {n}", "veiled", True, part) for n in range(20)]
    return danger + [Labelled(f"the tea {part} {n}", "everyday", False, part) for n in range(20)]


def test_what_is_stored_is_what_was_fitted(encoder: Path, tmp_path: Path) -> None:
    fitted = train_probe([*messages("development"), *messages("held out")], encoder, tmp_path / "probe")
    loaded = detector_named("probe", tmp_path / "probe", encoder)
    assert isinstance(loaded, ProbeDetector) and loaded.threshold == fitted.threshold
    assert loaded.find(["a pit"]) == Finding("danger", "probe")
    assert loaded.find(["a cup of tea"]) is None
    assert loaded.find_each([["a pit"], [], ["tea"]]) == [Finding("danger", "probe"), None, None]


def test_a_message_in_two_parts_is_read_as_one(encoder: Path, tmp_path: Path) -> None:
    train_probe([*messages("development"), *messages("held out")], encoder, tmp_path)
    assert detector_named("probe", tmp_path, encoder).find(["the p", "it"]) is None  # joined by a blank
    either = detector_named("either", tmp_path, encoder)
    assert either.find(["i want to", "die"]) == Finding("suicide", "death")
    assert either.find_each([["a pit"], ["tea"]]) == [Finding("danger", "probe"), None]


def test_the_threshold_is_the_highest_with_the_sensitivity() -> None:
    assert probe_detector._threshold(np.arange(100.0)) == 10.0  # 90 of 100 are at least 10


def test_a_probe_is_only_used_whole_and_with_its_encoder(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no trained detector"):
        detector_named("probe", tmp_path, encoder)
    train_probe([*messages("development"), *messages("held out")], encoder, tmp_path)
    (encoder / "weights").write_text("2")
    with pytest.raises(InputError, match="another encoder"):
        detector_named("probe", tmp_path, encoder)
    (encoder / "weights").write_text("1")
    stored = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(stored[:-1] + bytes([stored[-1] ^ 1]))
    with pytest.raises(InputError, match="damaged"):
        detector_named("probe", tmp_path, encoder)


def test_only_either_goes_on_with_the_rules_and_says_so(encoder: Path, tmp_path: Path) -> None:
    probe = tmp_path / "probe"
    detector, note = detector_at_hand("either", probe, encoder)
    assert isinstance(detector, RuleDetector)
    assert (
        note is not None and f"no {probe}: only the rules" in note and "`dvc repro crisis_detector`" in note
    )
    with pytest.raises(InputError, match="there is no trained detector"):
        detector_at_hand("probe", probe, encoder)
    assert detector_at_hand("rules", probe, encoder)[1] is None

    train_probe([*messages("development"), *messages("held out")], encoder, probe)
    detector, note = detector_at_hand("either", probe, encoder)
    assert isinstance(detector, Either) and note is None
    assert f"no {tmp_path / 'moved'}: only" in str(detector_at_hand("either", probe, tmp_path / "moved")[1])
    (probe / FILE).write_bytes(b"half")
    with pytest.raises(InputError, match="damaged"):
        detector_at_hand("either", probe, encoder)


def test_rules_need_no_files(tmp_path: Path) -> None:
    assert isinstance(detector_named("rules", tmp_path, tmp_path), RuleDetector)
    assert Either(RuleDetector(), RuleDetector()).find(["I lost my job"]) is None
