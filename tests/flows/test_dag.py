"""The DAG that Prefect sees is DVC's."""

import shutil
from pathlib import Path

import pytest
from flows.dag import read_dag
from tests.flows.conftest import STAGES, Project

from eva.errors import InputError
from eva.settings.profiles import profile_text


def test_every_stage_with_its_pool_after_what_it_needs(project: Project) -> None:
    nodes = read_dag(project.folder)

    assert {node.name: node.pool for node in nodes} == STAGES
    place = {node.name: index for index, node in enumerate(nodes)}
    assert all(place[upstream] < place[node.name] for node in nodes for upstream in node.upstream)
    upstream = {node.name: node.upstream for node in nodes}
    assert upstream["report"] == ("generate@esconv-1", "generate@esconv-2")
    assert upstream["sft@esconv-1"] == ("prepare@esconv",)


def test_targets_bring_what_they_need_and_nothing_else(project: Project) -> None:
    one = [node.name for node in read_dag(project.folder, ["generate@esconv-2"])]
    group = {node.name for node in read_dag(project.folder, ["sft"])}

    assert one == ["prepare@esconv", "sft@esconv-2", "generate@esconv-2"]
    assert group == {"prepare@esconv", "sft@esconv-1", "sft@esconv-2"}


def test_unknown_target_is_refused_with_the_known_ones(project: Project) -> None:
    with pytest.raises(InputError, match=r"no stage 'stf'; known are .*sft@esconv-1"):
        read_dag(project.folder, ["stf"])


def test_stages_without_a_pool_are_refused_all_at_once(project: Project) -> None:
    path = project.folder / "dvc.yaml"
    path.write_text(path.read_text().replace("    meta: {pool: gpu}\n", ""))

    with pytest.raises(InputError, match="4 problems") as caught:
        read_dag(project.folder)
    assert "stage sft@esconv-1 has no work pool: give it `meta: {pool: cpu}`" in str(caught.value)


def test_a_folder_without_dvc_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="DVC cannot read the DAG"):
        read_dag(tmp_path)


def test_the_real_dag_names_only_pools_that_are_deployed(root: Path) -> None:
    import yaml

    deployed = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    runs_stages = {d["work_pool"]["name"] for d in deployed if d["entrypoint"].endswith(":run_stages")}

    assert {node.pool for node in read_dag(root)} == runs_stages


def test_a_training_gets_a_gpu_for_each_process(root: Path, tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    shutil.copy(root / "dvc.yaml", tmp_path)
    (tmp_path / "params.yaml").write_text(profile_text(root / "profiles", "paper"))
    gpus = {node.name.partition("@")[0]: node.gpus for node in read_dag(tmp_path) if node.pool == "gpu"}

    assert gpus["sft"] == gpus["dpo"] == 8
    assert gpus["generate"] == 1


def test_limits_come_from_meta_and_nonsense_is_refused(project: Project) -> None:
    path = project.folder / "dvc.yaml"
    text = path.read_text()
    meta = "meta: {pool: gpu, gpus: 2, stall_minutes: 1.5, retries: 3}"
    path.write_text(text.replace("meta: {pool: gpu}", meta))
    nodes = {node.name: node for node in read_dag(project.folder)}

    assert (nodes["sft@esconv-1"].gpus, nodes["sft@esconv-1"].silence) == (2, 90.0)
    assert (nodes["report"].gpus, nodes["report"].silence) == (0, None)
    assert (nodes["sft@esconv-1"].retries, nodes["report"].retries) == (3, 0)
    meta = "meta: {pool: gpu, gpus: -1, stall_minutes: soon, retries: 9}"
    path.write_text(text.replace("meta: {pool: gpu}", meta))
    with pytest.raises(InputError, match="12 problems") as caught:
        read_dag(project.folder)
    assert "has gpus -1" in str(caught.value) and "has stall_minutes 'soon'" in str(caught.value)
    assert "has retries 9: give a number from 0 to 3" in str(caught.value)
