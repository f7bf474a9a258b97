"""What a pipeline run refuses before any stage, as far as no server is needed; `test_run.py` has the rest."""

from pathlib import Path

import pytest
from flows.stage import StageError
from flows.submission import require_remote, require_settings
from tests.flows.conftest import Project

from eva.errors import InputError


@pytest.fixture
def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.folder)
    return project


def test_with_targets_the_settings_themselves_must_be_right(inside: Project) -> None:
    require_settings(inside.folder, ["prepare"])
    path = inside.folder / "params.yaml"
    path.write_text(path.read_text().replace("beta: 0.1", "beta: -1", 1))

    with pytest.raises(InputError, match=r"params.yaml: 1 problem\n.*dpo.beta"):
        require_settings(inside.folder, ["prepare"])


@pytest.mark.slow
def test_for_the_whole_dag_the_files_must_be_there_too(inside: Project) -> None:
    require_settings(inside.folder, [])
    (inside.folder / "data/sample/evad/EVAD.json").unlink()

    require_settings(inside.folder, ["prepare"])
    with pytest.raises(StageError, match=r"`eva params check` failed:\n.*\n.*EVAD.json: no such file"):
        require_settings(inside.folder, [])


def test_a_remote_that_takes_nothing_is_refused(inside: Project, tmp_path: Path) -> None:
    require_remote(inside.folder, None)
    config = inside.folder / ".dvc/config"
    config.write_text(config.read_text().replace("../.eva/remote", "/proc/remote"))

    with pytest.raises(InputError, match=r"outputs could not be pushed to the DVC remote: .*/proc/remote"):
        require_remote(inside.folder, None)
    config.write_text("")
    with pytest.raises(InputError, match="no remote"):
        require_remote(inside.folder, None)
