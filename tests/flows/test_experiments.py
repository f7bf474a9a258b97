"""The flows made of several pipeline runs, on a real server: ablations, a sweep, a night."""

import subprocess
from typing import Any
from urllib.error import HTTPError

import pytest
from flows import workspaces
from flows.parameter_sets import ParameterSet, changes, experiment_name, grid, label
from pydantic import ValidationError
from tests.flows.conftest import METRICS, Project
from tests.flows.pages import fill_ablation, signed_in, submit
from tests.flows.prefect_api import api, artifact, await_end, run_deployment, said_by, said_by_stages
from tests.flows.test_run import messages

from eva.errors import InputError
from eva.registry.gate_decision import Check, Decision
from eva.registry.package import Package, Weights

NIGHTLY_STAGES = """
  validate:
    cmd: python stage.py data/validated.txt data/raw.txt fails
    deps: [data/raw.txt, fails]
    outs: [data/validated.txt]
    meta: {pool: cpu}
  register:
    cmd: python stage.py registry.txt
    deps: [metrics/report.json]
    outs: [registry.txt]
    meta: {pool: cpu}
"""
# `eva registry push` needs a model that was really trained; `tests/registry` has that.
PUSHING = """
from types import SimpleNamespace

def push(folder, root):
    with open(root / "pushed", "a") as file:
        file.write("once more;")
    return SimpleNamespace(uri="models:/toy/1", is_new=True, decision=SimpleNamespace(passed=True))
"""


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
    lines = (folder / ".dvc/config.local").read_text().splitlines()
    assert f"dir = {project.folder / '.dvc/cache'}" in [line.strip() for line in lines]


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
def test_a_sweep_tries_every_combination_and_compares_the_trainings(served: Project) -> None:
    before = served.journal()
    axes = {"batch_sizes": [2], "learning_rates": [1e-5, 5e-5], "accumulations": [1], "epochs": [1]}

    ended = run_deployment(served, "sweep/paper-grid", **axes)

    assert ended["state"]["type"] == "COMPLETED", ended["state"]["message"]
    table = artifact(served, "ablations")
    for rate in ("1e-05", "5e-05"):
        assert f"sft.epochs-1.0-sft.lr-{rate}-sft.batch_size-2-sft.accumulation-1 sft esconv-1" in table
    assert "| 1.5 |" in table
    ran = served.journal()[len(before) :]  # once for each rate
    assert [ran.count(f"models/sft-esconv-{seed}.txt") for seed in (1, 2)] == [2, 2]
    assert "responses/esconv-1.txt" not in ran


@pytest.mark.slow
def test_all_that_is_wrong_with_any_set_is_told_before_one_runs(served: Project) -> None:
    before = served.journal()
    sets = [{"name": "good"}, {"matrix": {"backbones": ["nobody"]}}, {"dpo": {"beta": 0.2}}]

    ended = run_deployment(served, "ablations/eva", sets=sets, targets=["stf"])

    assert ended["state"]["type"] == "FAILED"
    told = ended["state"]["message"]
    assert told.startswith("sets: ") and "nobody" in told
    assert told.count("no stage 'stf'") == 1
    assert "Traceback" not in said_by(served, ended)
    assert served.journal() == before
    assert not list((served.folder / workspaces.FOLDER).iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [[], [{"dpo": {"beta": -1}}], [{"dpo": {"bta": 1}}]])
def test_nonsense_is_refused_at_submission(served: Project, wrong: list[dict[str, Any]]) -> None:
    deployment = api(served, "/deployments/name/ablations/eva")["id"]

    with pytest.raises(HTTPError, match="HTTP Error 4"):
        api(served, f"/deployments/{deployment}/create_flow_run", {"parameters": {"sets": wrong}})


@pytest.fixture(scope="module")
def nights(served: Project) -> Project:
    """The project with the stages that `nightly` names, which all later runs have too."""
    with (served.folder / "dvc.yaml").open("a") as file:
        file.write(NIGHTLY_STAGES)
    (served.folder / "src/eva/registry/pushing.py").write_text(PUSHING)
    decision = Decision((Check("better", passed=False, found="no better than base"),))
    package = Package("eva-toy", {}, Weights("model", "digest"), None, "plain", {}, {}, {}, None)
    package.write(served.folder / "registry", decision, card="", scores={})
    return served


def parts_of(project: Project, night: dict[str, Any]) -> list[tuple[str, str]]:
    """The pipeline runs of a night in their order, with their states."""
    chosen = {"flow_runs": {"parent_flow_run_id": {"any_": [night["id"]]}}, "sort": "START_TIME_ASC"}
    return [(part["name"], part["state_type"]) for part in api(project, "/flow_runs/filter", chosen)]


@pytest.mark.slow
def test_a_night_validates_runs_verifies_and_judges(nights: Project) -> None:
    with messages(nights) as told:
        night = run_deployment(nights, "nightly/eva", retries=0)
        gate = told.get(timeout=60)["text"]

    assert night["state"]["type"] == "COMPLETED", night["state"]["message"]
    assert gate.split("\n") == ["EVA: the gate refused a model", "eva-toy: no better than base"]
    assert parts_of(nights, night) == [
        ("validate the data again", "COMPLETED"),
        ("run what has changed", "COMPLETED"),
        ("judge the model again", "COMPLETED"),
    ]
    assert "all stored files match their digests" in said_by(nights, night)
    assert nights.journal().count("data/validated.txt") == 1
    assert nights.journal().count("registry.txt") == 2
    assert (nights.folder / "pushed").read_text() == "once more;" * 2


@pytest.mark.slow
def test_a_damaged_file_ends_the_night_before_the_model_is_judged(nights: Project) -> None:
    cache = nights.folder / ".dvc/cache/files/md5"
    (stored,) = (path for path in cache.glob("??/*") if path.read_text() == METRICS)
    stored.chmod(0o644)
    stored.write_text(METRICS.replace("1.5", "9.5"))
    before = nights.journal()

    night = run_deployment(nights, "nightly/eva", retries=0)

    stored.write_text(METRICS)
    assert night["state"]["type"] == "FAILED"
    assert stored.name in night["state"]["message"]  # told by `dvc repro --pull`, or by `eva verify`
    assert [name for name, _ in parts_of(nights, night)] == [
        "validate the data again",
        "run what has changed",
    ]
    assert nights.journal()[len(before) :] == ["data/validated.txt"]


@pytest.mark.slow
def test_refused_data_end_the_night_at_once_and_in_plain_words(nights: Project) -> None:
    (nights.folder / "fails").write_text("data/validated.txt")

    night = run_deployment(nights, "nightly/eva", retries=0)

    assert night["state"]["type"] == "FAILED"
    assert night["state"]["message"].startswith("validate the data again: stage validate failed")
    assert "no supervised tokens in data/validated.txt" in night["state"]["message"]
    assert parts_of(nights, night) == [("validate the data again", "FAILED")]
    assert "Traceback" not in said_by(nights, night)
