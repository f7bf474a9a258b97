"""Sets of settings as parameters, copies of the checkout, and an ablation on a real server."""

import subprocess
from typing import Any
from urllib.error import HTTPError

import pytest
from flows import workspaces
from flows.parameter_sets import ParameterSet, changes, experiment_name, grid, label
from pydantic import ValidationError
from tests.flows.conftest import Project
from tests.flows.pages import fill_ablation, signed_in, submit
from tests.flows.prefect_api import api, artifact, await_end, said_by_stages

from eva.errors import InputError


def test_a_set_says_what_it_changes() -> None:
    chosen = ParameterSet(dpo={"beta": 0.3}, matrix={"seeds": [1, 2]})

    assert changes(chosen) == {"matrix.seeds": [1, 2], "dpo.beta": 0.3}
    assert label(changes(chosen)) == "matrix.seeds=[1, 2] dpo.beta=0.3"
    assert experiment_name(chosen) == "matrix.seeds-1-2-dpo.beta-0.3"
    assert experiment_name(ParameterSet(name="mine")) == "mine"
    assert len(grid("sft", {"lr": [1e-5, 2e-5], "batch_size": [2, 4, 8]})) == 6


@pytest.mark.parametrize("wrong", [{"dpo": {"beta": -1}}, {"dpo": {"bta": 1}}, {"dpp": {}}, {"name": "a b"}])
def test_what_eva_refuses_the_form_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ParameterSet(**wrong)


def test_a_copy_has_uncommitted_files_the_changes_and_the_cache(project: Project) -> None:
    (project.folder / "new.txt").write_text("new")
    (project.folder / "stage.py").unlink()

    folder = workspaces.create(project.folder, "one", {"dpo.beta": 0.25})

    assert (folder / "new.txt").read_text() == "new"
    assert not (folder / "stage.py").exists()
    assert "beta: 0.25" in (folder / "params.yaml").read_text()
    assert f"dir = {project.folder / '.dvc/cache'}" in (folder / ".dvc/config.local").read_text()


def test_changes_that_eva_refuses_leave_no_copy(project: Project) -> None:
    with pytest.raises(InputError, match=r"experiment one: .*params.yaml: 2 problems"):
        workspaces.create(project.folder, "one", {"matrix.backbones": ["nobody"]})

    assert not (project.folder / workspaces.FOLDER / "one").exists()


@pytest.mark.slow
def test_an_ablation_from_the_form_runs_what_is_shared_once(served: Project) -> None:
    betas = ["0.05", "0.1", "0.3"]
    with signed_in(served) as page:
        fill_ablation(page, served, betas)
        submit(page)
    chosen = {"flows": {"name": {"any_": ["ablations"]}}}
    (run,) = api(served, "/flow_runs/filter", chosen)

    ended = await_end(served, run)

    assert ended["state"]["type"] == "COMPLETED", ended["state"]["message"]
    assert [one["dpo"]["beta"] for one in ended["parameters"]["sets"]] == [0.05, 0.1, 0.3]
    (first,) = [one for one in api(served, "/flow_runs/filter", {}) if one["name"] == "dpo.beta=0.05"]
    assert ("report", "making metrics/report.json") in said_by_stages(served, first)
    ran = served.journal()
    assert ran.count("models/sft-esconv-1.txt") == 1
    assert ran.count("responses/esconv-1.txt") == 3
    table = artifact(served, "ablations")
    assert all(f"dpo.beta-{beta} esconv smollm2 eva" in table for beta in betas)
    refs = ["git", "for-each-ref", "refs/exps"]
    saved = subprocess.run(refs, cwd=served.folder, capture_output=True, text=True, check=True).stdout
    assert all(f"/dpo.beta-{beta}" in saved for beta in betas)
    assert not list((served.folder / workspaces.FOLDER).iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [[], [{"dpo": {"beta": -1}}], [{"dpo": {"bta": 1}}]])
def test_nonsense_is_refused_at_submission(served: Project, wrong: list[dict[str, Any]]) -> None:
    deployment = api(served, "/deployments/name/ablations/eva")["id"]

    with pytest.raises(HTTPError, match="HTTP Error 4"):
        api(served, f"/deployments/{deployment}/create_flow_run", {"parameters": {"sets": wrong}})
