"""The record goes where DVC takes the outs: back to an earlier state, and to another machine."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from eva.errors import InputError
from eva.record import find_maker, read_record, record_path
from eva.record import mlflow_store as stores
from eva.record.replay import replay
from eva.registry import lineage as lineages
from eva.registry.lineage import lineage, makers

pytestmark = pytest.mark.slow

ITEM = {"corpus": "esconv", "backbone": "tiny", "seed": "1", "variant": "eva"}
KEY = "-".join(ITEM.values())
DVC_YAML = f"""
stages:
  sft:
    cmd: python stage.py sft params.yaml models/sft/{KEY}
    params: [lr]
    outs: [models/sft/{KEY}, runs/sft/{KEY}.json]
  dpo:
    cmd: python stage.py dpo models/sft/{KEY} models/dpo/{KEY}
    deps: [models/sft/{KEY}]
    outs: [models/dpo/{KEY}, runs/dpo/{KEY}.json]
"""
STAGE = f"""
import sys
from pathlib import Path
from eva.record import stage_run
name, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
with stage_run(name, {ITEM!r}, {{}}, {{"source": source}}, root=Path.cwd()) as run:
    out.mkdir(parents=True)
    text = source.read_text() if source.is_file() else (source / "weights").read_text()
    (out / "weights").write_text(name + text)
    run.log_outputs({{"out": out}})
"""


@dataclass(frozen=True)
class Project:
    """A DVC project of two stages that record themselves."""

    root: Path

    def run(self, *words: str) -> str:
        ours = ("EVA_", "MLFLOW_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        environment |= {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
            "DVC_NO_ANALYTICS": "1",
        }
        done = subprocess.run(
            words, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def git(self, *words: str) -> None:
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words)

    def repro(self, rate: int) -> str:
        (self.root / "params.yaml").write_text(f"lr: {rate}\n")
        return self.run("dvc", "repro")

    def digests(self) -> dict[str, str]:
        """The record of each stage's latest run, by the digest of its content."""
        return {name: read_record(record_path(self.root, name, ITEM)).digest for name in ("sft", "dpo")}

    def lineage(self) -> dict[str, str]:
        """The records that a model registered now would name, after a look at the runs that it names."""
        told = lineage(makers(ITEM, self.root), self.root)
        client = stores.connect(self.root).client
        for one in told.values():
            assert client.get_run(one["run"]).data.tags["eva.record"] == one["record"]
        return {name: one["record"] for name, one in told.items()}


@pytest.fixture(autouse=True)
def _two_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineages, "STAGES", {"sft": tuple(ITEM), "dpo": tuple(ITEM)})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Project:
    """A project in which both stages have run, with `lr` 1."""
    made = Project(tmp_path_factory.mktemp("made") / "here")
    made.root.mkdir()
    for name, text in {"dvc.yaml": DVC_YAML, "stage.py": STAGE, ".gitignore": "/runs/\n/models/\n"}.items():
        (made.root / name).write_text(text)
    (made.root / "mlflow.db").write_bytes(empty_database.read_bytes())
    made.git("init", "-q")
    made.run("dvc", "init", "-q")
    made.run("dvc", "remote", "add", "-q", "--default", "shared", "../remote")
    made.repro(1)
    return made


@pytest.fixture
def project(made: Project, tmp_path: Path) -> Project:
    """A copy of `made`."""
    return Project(Path(shutil.copytree(made.root, tmp_path / "here")))


def test_back_at_an_earlier_setting_the_lineage_is_that_of_the_bytes(project: Project) -> None:
    first = project.digests()
    project.repro(2)
    second = project.digests()
    assert project.lineage() == second and not set(first.values()) & set(second.values())
    assert "is cached - skipping run" in project.repro(1)
    assert project.digests() == first
    assert project.lineage() == first


def test_a_forced_run_is_the_maker_of_what_it_made_again(project: Project) -> None:
    project.run("dvc", "repro", "-f")
    assert project.lineage() == project.digests()


def test_outs_without_their_record_are_found_in_the_history_and_changed_ones_are_nobodys(
    project: Project,
) -> None:
    first = project.digests()
    weights = project.root / "models" / "sft" / KEY / "weights"
    text = weights.read_text()
    project.repro(2)
    weights.chmod(0o644)
    weights.write_text(text)
    assert (found := find_maker("sft", ITEM, project.root)) is not None and found.digest == first["sft"]
    project.repro(1)
    weights.chmod(0o644)
    weights.write_text("changed by hand")
    with pytest.raises(InputError, match=r"1 problem\n.*no recorded run made the outputs of sft"):
        makers(ITEM, project.root)


def test_a_stage_that_read_other_data_than_the_stage_before_it_wrote_breaks_the_lineage(
    project: Project,
) -> None:
    project.run("dvc", "repro", "-s", "sft")
    (project.root / "params.yaml").write_text("lr: 3\n")
    project.run("dvc", "repro", "-s", "sft")  # and dpo is still that of the sft before
    with pytest.raises(InputError, match=r"dpo read another models/sft/.* than sft has written"):
        makers(ITEM, project.root)


def test_a_colleague_runs_nothing_and_rebuilds_the_record(project: Project, empty_database: Path) -> None:
    project.git("add", "-A")
    project.git("commit", "-qm", "results")
    project.run("dvc", "push", "-q", "--run-cache")
    there = Project(project.root.parent / "there")
    project.run("git", "clone", "-q", str(project.root), str(there.root))
    (there.root / "mlflow.db").write_bytes(empty_database.read_bytes())
    there.run("dvc", "pull", "-q")
    assert "Running stage" not in there.run("dvc", "repro")
    assert there.lineage() == project.digests()
    done = replay(there.root)
    assert (done.logged, done.present) == (0, 2)
    runs = stores.connect(there.root).find(stage="sft")
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert there.run("dvc", "status").startswith("Data and pipelines are up to date")
