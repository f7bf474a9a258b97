"""What another profile left makes nothing stale."""

import shutil
from pathlib import Path

import pytest
from pipelines.leftovers import take_out
from tests.pipelines.conftest import Clone

pytestmark = pytest.mark.slow

SEED = "  seeds: [1]"


def test_back_at_the_first_settings_nothing_is_stale(finished: Clone, tmp_path: Path) -> None:
    root = tmp_path / "clone"
    shutil.copytree(finished.root, root, symlinks=True)
    clone = Clone(root)
    params = (root / "params.yaml").read_text()
    assert SEED in params
    other = root / "scores" / "esconv-smollm2-7-eva.json"
    other.write_text("{}\n")
    (root / "params.yaml").write_text(params.replace(SEED, "  seeds: [7, 1]"))
    for stage in ("runs/evaluate", "metrics/evaluate"):
        (root / stage / "esconv-smollm2-7-eva.json").write_text("{}\n")
    (root / "responses" / "esconv-smollm2-7-eva.jsonl").write_text("")
    (root / "responses" / "esconv-smollm2-7-eva.json").write_text("{}\n")
    clone.dvc("commit", "--force", "evaluate@esconv-smollm2-7-eva")

    (root / "params.yaml").write_text(params)
    assert "report" in clone.stale()
    removed, kept = take_out(root)
    assert removed == [root / "metrics" / "evaluate" / other.name, other]
    assert [path.name for path in kept] == ["esconv-smollm2-7-eva.json", "esconv-smollm2-7-eva.jsonl"]
    for path in kept:
        path.unlink()
    assert clone.stale() == set()

    (root / "params.yaml").write_text(params.replace(SEED, "  seeds: [7, 1]"))
    clone.dvc("checkout", "evaluate@esconv-smollm2-7-eva")
    assert other.read_text() == "{}\n"


def test_what_dvc_cannot_restore_is_never_removed(finished: Clone) -> None:
    mine = finished.root / "scores" / "mine.json"
    mine.write_text("{}\n")
    try:
        assert take_out(finished.root) == ([], [mine])
        assert mine.is_file()
    finally:
        mine.unlink()
