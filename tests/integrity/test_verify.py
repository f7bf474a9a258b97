"""`eva verify` in a real DVC repository: it finds every kind of damage at once, and mends what it can."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from eva.artifacts import write_json
from eva.cli import main
from eva.generation.answers import Answer, Answers, Request
from eva.manifest import seal

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Store:
    """A checkout with one corpus under DVC, pushed to a folder."""

    root: Path
    remote: Path

    @property
    def corpus(self) -> Path:
        return self.root / "data" / "raw" / "mine" / "one.txt"

    def objects(self, folder: Path) -> list[Path]:
        return sorted(path for path in folder.glob("files/md5/??/*") if path.is_file())

    def object(self, folder: Path | None = None) -> Path:
        """Where a store holds the corpus's first file."""
        name = hashlib.md5(b"one" * 100).hexdigest()
        return (folder or self.root / ".dvc" / "cache") / "files" / "md5" / name[:2] / name[2:]


@pytest.fixture
def store(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store(tmp_path / "checkout", tmp_path / "remote")
    made.corpus.parent.mkdir(parents=True)
    monkeypatch.chdir(made.root)
    for name in ("EVA_CHECKPOINTS", "EVA_ANSWERS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("one", "two"):
        (made.corpus.parent / f"{name}.txt").write_text(name * 100)
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    shutil.copy(root / ".dvc" / "config", ".dvc/config")
    dvc("remote", "add", "--local", "--default", "here", str(made.remote))
    dvc("add", "data/raw/mine")
    dvc("push")
    return made


def dvc(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True, check=True)
    return done.stdout


def verify(
    patch: pytest.MonkeyPatch, streams: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Exit code and streams of `eva verify`."""
    patch.setattr(sys, "argv", ["eva", "verify", *words])
    streams.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    said = streams.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def spoil(path: Path) -> None:
    """Flip a byte in place, as a failing disk or an editor of a linked file does."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))


def test_an_undamaged_store(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = verify(monkeypatch, capsys)
    assert (code, err) == (0, "")
    assert "DVC cache: 3 objects" in out and "DVC remote: 3 objects" in out
    assert out.endswith("all stored files match their digests\n")


def test_every_damage_is_named_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(store.object())
    spoil(next(path for path in store.objects(store.remote) if path.suffix == ".dir"))
    training = store.root / ".eva" / "checkpoints" / "abc"
    (training / "final").mkdir(parents=True)
    weights = training / "final" / "model.safetensors"
    weights.write_text("weights")
    seal(training, [weights], ("sha256", "md5"))
    spoil(weights)
    answers = Answers(store.root / ".eva" / "answers")
    answers[Request("http://127.0.0.1:1/v1", {"model": "m"})] = Answer("Yes.", "m", "stop", 1, 1)
    (kept,) = (store.root / ".eva" / "answers").iterdir()
    kept.write_text(kept.read_text().replace("Yes.", "No."))
    write_json(store.root / "runs" / "history" / "sft.0000.json", {"stage": "sft"})
    code, out, err = verify(monkeypatch, capsys)
    assert code == 2
    assert err.startswith("error: eva verify: 5 problems")
    assert f".dvc/cache/files/md5/{store.object().parent.name}/{store.object().name}: its content" in err
    assert "it is data/raw/mine/one.txt (data/raw/mine.dvc)" in err
    assert f"{store.remote}/files/md5/" in err and "it is data/raw/mine (data/raw/mine.dvc)" in err
    assert "training" in err and "model.safetensors does not match its sha256 digest" in err
    assert f"{kept}: it was changed after it was written" in err
    assert "sft.0000.json: not the record of a run" in err
    assert "all stored files" not in out


@pytest.mark.parametrize("from_workspace", [False, True])
def test_good_copies_come_from_the_remote_or_the_workspace(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    from_workspace: bool,
) -> None:
    spoil(store.object())
    spoil(store.object(store.remote)) if from_workspace else store.corpus.unlink()
    code, out, _ = verify(monkeypatch, capsys, "--repair")
    assert code == 0
    assert out.count("repaired: ") == 1 + from_workspace
    assert store.object().read_bytes() == store.object(store.remote).read_bytes() == b"one" * 100
    assert store.object().stat().st_mode & 0o777 == 0o444
    assert verify(monkeypatch, capsys)[0] == 0


def test_what_has_no_good_copy_stays_and_is_a_problem(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (store.object(), store.object(store.remote), store.corpus):
        spoil(path)
    before = store.object().read_bytes()
    code, out, err = verify(monkeypatch, capsys, "--repair")
    assert code == 2
    assert "repaired" not in out and err.count("its content does not match its name") == 2
    assert store.object().read_bytes() == before


def test_links_into_the_cache_are_said(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.corpus.unlink()
    os.link(store.object(), store.corpus)
    code, out, _ = verify(monkeypatch, capsys)
    assert code == 0
    assert "1 objects of the cache are hard links" in out and "dvc checkout --relink" in out


def test_outside_of_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = verify(monkeypatch, capsys)
    assert code == 0
    assert "no DVC repository" in out
