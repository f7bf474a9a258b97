"""`eva safety measure`."""

from pathlib import Path

from tests.cli.conftest import Eva


def test_measure_prints_the_table(eva: Eva, sample: Path) -> None:
    done = eva("safety", "measure", sample / "safety" / "messages", "--detector", "rules", "--errors")
    assert (done.code, done.err) == (0, "")
    assert "| written after |" in done.out
    assert "missed (written after, veiled): " in done.out
    assert "false alarm (" in done.out


def test_measure_of_a_file_that_is_not_there(eva: Eva, tmp_path: Path) -> None:
    done = eva("safety", "measure", tmp_path / "messages.jsonl", "--detector", "rules")
    assert (done.code, done.out) == (2, "")
    assert "messages.jsonl: no such file" in done.err


def test_an_unknown_detector(eva: Eva) -> None:
    done = eva("safety", "measure", "--detector", "oracle")
    assert (done.code, done.out) == (2, "")
    assert "oracle" in done.err and "either" in done.err
