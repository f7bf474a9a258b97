"""What was registered is compared with what the registry holds now."""

from pathlib import Path

import pytest
from tests.cli.conftest import Eva, eva, here
from tests.registry.test_scorer_versions import scorers

from eva.record import mlflow_store as store
from eva.registry.scorer_versions import register_scorers
from eva.registry.stored_files import check_versions

__all__ = ["eva", "here"]


@pytest.fixture
def stored(checkout: Path, tmp_path: Path) -> Path:
    """The folder of a registered version."""
    register_scorers(scorers(tmp_path / "one", "x"), "eva-scorers", None, {}, checkout)
    uri = store.connect(checkout).client.get_model_version_download_uri("eva-scorers", "1")
    return Path(str(uri).removeprefix("file://"))


def test_an_untouched_version(checkout: Path, stored: Path) -> None:
    (stored / "registered_model_meta").write_text("by MLflow, when it loads a model")
    found = check_versions(checkout)
    assert (found.versions, found.problems, found.notes) == (1, [], [])


def test_every_change_is_named(checkout: Path, stored: Path) -> None:
    weights = stored / "level_classifier" / "model.safetensors"
    weights.write_text(weights.read_text().replace("x", "y"))
    (stored / "epitome" / "ip" / "labels.json").unlink()
    (stored / "extra.py").write_text("1")
    said = "\n".join(check_versions(checkout).problems)
    assert "models:/eva-scorers/1: level_classifier/model.safetensors" in said and "sha256" in said
    assert "epitome/ip/labels.json: labels.json is missing" in said
    assert "extra.py: was added after it was registered" in said


def test_a_version_without_a_list_is_a_note(checkout: Path, stored: Path) -> None:
    store.connect(checkout).client.delete_model_version_tag("eva-scorers", "1", "eva.files")
    found = check_versions(checkout)
    assert (found.versions, found.problems) == (0, [])
    assert "models:/eva-scorers/1: registered without a list of files" in found.notes[0]


def test_the_command_says_so(eva: Eva, checkout: Path, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    assert "model registry: 1 version\n" in eva("verify").out
    (stored / "extra.py").write_text("1")
    done = eva("verify")
    assert done.code == 2 and "extra.py: was added" in done.err
