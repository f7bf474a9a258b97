"""The trained detector: what it learns, where its threshold lies, and what it refuses to load."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from eva.errors import InputError
from eva.safety import probe_detector, probe_fitting
from eva.safety.choice import detector_at_hand, detector_named
from eva.safety.detector import Either, Finding
from eva.safety.labelled_messages import Labelled, Part
from eva.safety.probe_detector import FILE, ProbeDetector
from eva.safety.probe_fitting import Conversation, above_all_but, reached_by, train_probe
from eva.safety.rule_detector import RuleDetector


class Words:
    """Stands for an encoder: directions for a word of danger, for one near it, and for any other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [[1, 0, 0] if "pit" in one else [1, 0, 1] if "sad" in one else [0, 1, 0] for one in texts]
        return np.array(rows, dtype=np.float32)


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(probe_detector, "SentenceEncoder", Words)
    monkeypatch.setattr(probe_fitting, "SentenceEncoder", Words)
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "weights").write_text("1")
    return folder


def messages(part: Part) -> list[Labelled]:
    danger = [Labelled(f"the pit {part} {n}", "veiled", True, part) for n in range(20)]
    return danger + [Labelled(f"the tea {part} {n}", "everyday", False, part) for n in range(20)]


def test_what_is_stored_is_what_was_fitted(encoder: Path, tmp_path: Path) -> None:
    fitted = train_probe(
        [*messages("development"), *messages("held out")], [], 0.1, encoder, tmp_path / "probe"
    )
    loaded = detector_named("probe", tmp_path / "probe", encoder)
    assert isinstance(loaded, ProbeDetector) and loaded.threshold == fitted.threshold
    assert loaded.find(["a pit"]) == Finding("danger", "probe")
    assert loaded.find(["a cup of tea"]) is None
    assert loaded.find_each([["a pit"], [], ["tea"]]) == [Finding("danger", "probe"), None, None]


def test_a_message_in_two_parts_is_read_as_one(encoder: Path, tmp_path: Path) -> None:
    train_probe([*messages("development"), *messages("held out")], [], 0.1, encoder, tmp_path)
    assert detector_named("probe", tmp_path, encoder).find(["the p", "it"]) is None  # joined by a blank
    either = detector_named("either", tmp_path, encoder)
    assert either.find(["i want to", "die"]) == Finding("suicide", "death")
    assert either.find_each([["a pit"], ["tea"]]) == [Finding("danger", "probe"), None]


def test_the_threshold_is_the_highest_with_the_sensitivity() -> None:
    assert reached_by(np.arange(100.0), 0.9) == 10.0  # 90 of 100 are at least 10


def test_at_most_the_share_of_conversations_reaches_the_threshold() -> None:
    scores = np.arange(20.0)
    assert (scores >= above_all_but(scores, 0.1)).sum() == 2
    assert (scores >= above_all_but(scores, 0.0)).sum() == 0
    assert above_all_but(scores, 1.0) == above_all_but(np.zeros(0), 0.1) == -np.inf


def sad(n: int) -> list[list[str]]:
    return [[f"so sad {number}", "thank you"] for number in range(n)]


@pytest.mark.parametrize(
    ("conversations", "flagged"),
    [
        ([], True),  # nothing tells the probe that sadness is no danger
        (sad(20), False),
        ([[*said, "I want to kill myself"] for said in sad(20)], True),  # the rules find it: not ordinary
    ],
)
def test_ordinary_talk_is_fitted_as_harmless(
    encoder: Path, tmp_path: Path, conversations: list[Conversation], flagged: bool
) -> None:
    given = [*messages("development"), *messages("held out")]
    probe = train_probe(given, conversations, 0.1, encoder, tmp_path)
    assert (probe.find(["I am sad"]) is not None) == flagged
    assert probe.find(["the pit"]) is not None and probe.find(["tea"]) is None


def test_the_probe_refers_no_more_conversations_than_it_may(encoder: Path, tmp_path: Path) -> None:
    talk = [["a pit"] if number < 6 else ["tea"] for number in range(20)]
    given = [*messages("development"), *messages("held out")]
    some, none = (train_probe(given, talk, share, encoder, tmp_path) for share in (0.3, 0.0))
    assert some.threshold < none.threshold
    assert some.find_each(talk).count(None) == 14 and none.find_each(talk).count(None) == 20


def test_a_probe_is_only_used_whole_and_with_its_encoder(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no trained detector"):
        detector_named("probe", tmp_path, encoder)
    train_probe([*messages("development"), *messages("held out")], [], 0.1, encoder, tmp_path)
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

    train_probe([*messages("development"), *messages("held out")], [], 0.1, encoder, probe)
    detector, note = detector_at_hand("either", probe, encoder)
    assert isinstance(detector, Either) and note is None
    assert f"no {tmp_path / 'moved'}: only" in str(detector_at_hand("either", probe, tmp_path / "moved")[1])
    (probe / FILE).write_bytes(b"half")
    with pytest.raises(InputError, match="damaged"):
        detector_at_hand("either", probe, encoder)


def test_rules_need_no_files(tmp_path: Path) -> None:
    assert isinstance(detector_named("rules", tmp_path, tmp_path), RuleDetector)
    assert Either(RuleDetector(), RuleDetector()).find(["I lost my job"]) is None
