"""Importing a local folder: everything is checked before anything is written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eva.data.importing import add_to_dvc, import_corpora
from eva.errors import InputError


@pytest.fixture
def source(sample: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    shutil.copytree(sample, folder)
    return folder


def test_a_folder_of_corpora_is_copied(source: Path, tmp_path: Path) -> None:
    (source / "esconv" / "notes.txt").write_text("not part of the corpus")
    written = import_corpora(source, tmp_path / "raw")
    assert [path.name for path in written] == ["esconv", "empathetic_dialogues", "epitome", "evad"]
    copied = sorted(path.relative_to(tmp_path / "raw").as_posix() for path in (tmp_path / "raw").rglob("*.*"))
    assert copied == [
        "empathetic_dialogues/test.csv", "empathetic_dialogues/train.csv", "empathetic_dialogues/valid.csv",
        "epitome/emotional-reactions-reddit.csv", "epitome/explorations-reddit.csv",
        "epitome/interpretations-reddit.csv", "esconv/ESConv.json", "esconv/splits.json", "evad/EVAD.json",
    ]  # fmt: skip
    assert (tmp_path / "raw/esconv/ESConv.json").read_bytes() == (source / "esconv/ESConv.json").read_bytes()


def test_a_flat_folder_is_understood(source: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("esconv/ESConv.json", "esconv/splits.json", "evad/EVAD.json"):
        shutil.copy(source / name, flat)
    assert [path.name for path in import_corpora(flat, tmp_path / "raw")] == ["esconv", "evad"]


def test_one_bad_file_and_nothing_is_written(source: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    import_corpora(source, raw)
    before = {path: path.stat().st_mtime_ns for path in raw.rglob("*")}
    for name in ("esconv/ESConv.json", "evad/EVAD.json"):
        text = (source / name).read_text(encoding="utf-8")
        (source / name).write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(InputError) as caught:
        import_corpora(source, raw)
    message = str(caught.value)
    assert "ESConv.json: not JSON" in message
    assert "EVAD.json: not JSON" in message
    assert message.endswith("Nothing was imported.")
    assert {path: path.stat().st_mtime_ns for path in raw.rglob("*")} == before


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder to import"):
        import_corpora(tmp_path / "absent", tmp_path / "raw")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no corpus found.*esconv: ESConv.json"):
        import_corpora(tmp_path / "empty", tmp_path / "raw")
    with pytest.raises(InputError, match="give the folder to copy from"):
        import_corpora(tmp_path / "empty", tmp_path / "empty")
    assert not (tmp_path / "raw").exists()


@pytest.mark.slow
def test_imported_folders_are_put_under_dvc(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    repository = tmp_path / "repository"
    repository.mkdir()
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=repository, check=True)
    written = import_corpora(source, repository / "data" / "raw")
    add_to_dvc([Path(os.path.relpath(path)) for path in written])
    tracked = sorted(path.name for path in (repository / "data/raw").glob("*.dvc"))
    assert tracked == ["empathetic_dialogues.dvc", "epitome.dvc", "esconv.dvc", "evad.dvc"]


@pytest.mark.slow
def test_dvc_without_a_repository_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "esconv").mkdir()
    with pytest.raises(InputError, match=r"`dvc add` of .*esconv failed"):
        add_to_dvc([tmp_path / "esconv"])
