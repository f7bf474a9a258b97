"""Scorers go into a real registry and come back as they were."""

from pathlib import Path

import pytest

from eva.artifacts import digest_path, write_text
from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.registry.scorer_versions import fetch_scorers, register_scorers


def scorers(folder: Path, text: str) -> Path:
    """Folders in the layout of models/, with a backbone beside them that is not to be uploaded."""
    for name in ("level_classifier/model.safetensors", "epitome/ip/labels.json", "backbone/b/weights"):
        write_text(folder / name, f"{text} {name}")
    return folder


def test_what_comes_out_is_what_went_in(checkout: Path, tmp_path: Path) -> None:
    first, second = (scorers(tmp_path / name, name) for name in ("one", "two"))
    uri = register_scorers(first, "eva-scorers", "candidate", {"level": "abc"}, checkout)
    assert uri == "models:/eva-scorers/1"
    assert register_scorers(second, "eva-scorers", "candidate", {}, checkout) == "models:/eva-scorers/2"
    by_alias = fetch_scorers("models:/eva-scorers@candidate", checkout)
    assert by_alias.uri == "models:/eva-scorers/2"
    for fetched, folder in ((by_alias, second), (fetch_scorers(uri, checkout), first)):
        assert sorted(path.name for path in fetched.path.iterdir()) == ["epitome", "level_classifier"]
        for part in ("epitome", "level_classifier"):
            assert digest_path(fetched.path / part) == digest_path(folder / part)
    version = store.connect(checkout).client.get_model_version("eva-scorers", "1")
    assert version.tags["eva.level"] == "abc"


def test_a_version_is_fetched_once(checkout: Path, tmp_path: Path) -> None:
    uri = register_scorers(scorers(tmp_path / "one", "x"), "eva-scorers", None, {}, checkout)
    first = fetch_scorers(uri, checkout)
    (first.path / "mark").touch()
    assert (fetch_scorers(uri, checkout).path / "mark").exists()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/eva-scorers@gold", "not in the registry"),
        ("models:/eva-scorers/9", "not in the registry"),
        ("models:/eva-scorers", "not in the registry"),
        ("models:/other/model", "write models:/NAME@ALIAS"),
    ],
)
def test_what_is_not_there(checkout: Path, uri: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fetch_scorers(uri, checkout)


def test_a_model_that_is_no_scorer(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    write_text(tmp_path / "none" / "epitome" / "x", "x")
    uri = register_scorers(tmp_path / "none", "m", None, {}, checkout)
    client = store.connect(checkout).client
    run = client.get_model_version("m", "1").run_id
    client.log_text(run, "hello", "model/MLmodel.txt")
    client.create_model_version("m", f"{client.get_run(run).info.artifact_uri}/model", run_id=run)
    with pytest.raises(InputError, match="this model has no scorers"):
        fetch_scorers(uri.replace("/1", "/2"), checkout)
