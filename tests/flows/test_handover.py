"""Hand-over without a server: a commit, the inputs and the outputs travel, and nothing else is shared."""

import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flows import handover
from flows.environment import stage_environment
from flows.inputs import bring, inputs_of
from flows.stage import Children, StageError, pull, push_outs, reproduce
from tests.flows.conftest import free_port
from tests.flows.team import Team, git, make_team

from eva.compat.dvc_cache import cached_file
from eva.compat.dvc_repo import remote_problem, run_key
from eva.errors import InputError
from eva.hosts import constraints, run_folder
from eva.hosts.git_source import shown
from eva.hosts.run_folder import enter

LOG = logging.getLogger("test")


@pytest.fixture
def team(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    team = make_team(tmp_path, root)
    monkeypatch.chdir(team.caller.folder)
    for name in ("EVA_GIT_REMOTE", "EVA_DVC_REMOTE", "EVA_TEST_JOURNAL"):
        monkeypatch.setenv(name, team.caller.environment[name])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(run_folder, "_output_to", lambda path: None)  # pytest's own output stays
    return team


def on_host(
    name: str,
    stage: str,
    given: handover.Handover,
    team: Team,
    monkeypatch: pytest.MonkeyPatch,
    run: str = "run",
) -> str:
    """What `run-stages` does on another host."""
    with monkeypatch.context() as patch:
        patch.chdir(team.hosts)
        patch.setenv("EVA_COMMIT", given.commit)
        patch.setenv("EVA_WORKER_HOME", str(team.hosts / name))
        patch.setenv("PREFECT__FLOW_RUN_ID", f"{run}-{stage}")
        folder = Path(enter()["directory"])
        assert Path.cwd() == folder != team.caller.folder
        handover.unpack(folder, given.lock)
        environment, children = stage_environment(None), Children()
        bring(folder, stage, environment, children, LOG)
        outcome = reproduce(stage, force=False, environment=environment, children=children, log=LOG)
        push_outs(stage, environment, children, LOG)
        entry = handover.read_entry(folder, stage)
    assert entry
    handover.merge_entries(Path.cwd(), {stage: entry})
    pull([stage], stage_environment(None), Children(), LOG)
    return outcome


def test_a_folder_of_several_stages_outputs_is_brought_by_their_names(team: Team) -> None:
    """`dvc pull` takes no such folder."""
    assert inputs_of(Path.cwd(), "report") == ["responses/esconv-1.txt", "responses/esconv-2.txt"]


@pytest.mark.slow
def test_two_hosts_make_a_chain_and_the_caller_is_clean(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    given = handover.prepare(Path.cwd(), "p", LOG)
    assert given is not None

    assert on_host("one", "prepare@esconv", given, team, monkeypatch) == "Ran"
    given = given.refreshed(Path.cwd())
    assert on_host("two", "sft@esconv-1", given, team, monkeypatch) == "Ran"
    given = given.refreshed(Path.cwd())
    assert on_host("three", "sft@esconv-1", given, team, monkeypatch) in ("Cached", "Unchanged")

    assert team.caller.journal() == ["data/esconv.txt", "models/sft-esconv-1.txt"]
    clean = team.caller.run("-m", "dvc", "status", "prepare@esconv", "sft@esconv-1")
    assert "up to date" in clean.stdout, clean.stdout + clean.stderr
    assert (Path.cwd() / "models" / "sft-esconv-1.txt").is_file()
    again = handover.prepare(Path.cwd(), "p", LOG)
    assert again and again.commit == git(Path.cwd(), "rev-parse", "HEAD").strip()  # `dvc.lock` is no change


@pytest.mark.slow
def test_damaged_bytes_never_reach_a_stage(
    team: Team, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A byte flipped in a host's cache is mended from the remote; one flipped on the remote is refused."""
    given = handover.prepare(Path.cwd(), "p", LOG)
    assert given is not None
    on_host("one", "prepare@esconv", given, team, monkeypatch)
    given = given.refreshed(Path.cwd())
    entry = handover.read_entry(Path.cwd(), "prepare@esconv")
    assert entry
    md5 = entry["outs"][0]["md5"]
    flip(cached_file(team.hosts / "one" / "dvc-cache", md5))

    assert on_host("one", "sft@esconv-1", given, team, monkeypatch) == "Ran"
    assert "damaged in this host's cache, brought again: data/esconv.txt" in caplog.text

    flip(cached_file(team.dvc, md5))
    with pytest.raises(StageError, match=r"`dvc pull` of data/esconv\.txt failed"):
        on_host("two", "sft@esconv-2", given, team, monkeypatch)
    assert team.caller.journal() == ["data/esconv.txt", "models/sft-esconv-1.txt"]


@pytest.mark.slow
def test_a_remote_that_is_away_at_the_push_costs_no_second_run(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = handover.prepare(Path.cwd(), "p", LOG)
    assert given is not None
    away, push = team.dvc.with_name("away"), push_outs

    def push_in_vain(*words: Any) -> None:
        team.dvc.rename(away)
        team.dvc.touch()  # a file, in which nothing can be stored
        push(*words)

    with monkeypatch.context() as patch:
        patch.setitem(globals(), "push_outs", push_in_vain)
        with pytest.raises(StageError, match="done and stays on this host, but its outputs could not be"):
            on_host("one", "prepare@ed", given, team, monkeypatch)
    team.dvc.unlink()
    away.rename(team.dvc)

    assert on_host("one", "prepare@ed", given, team, monkeypatch, "again") == "Cached"
    assert on_host("two", "prepare@ed", given, team, monkeypatch) == "Cached"
    assert team.caller.journal() == ["data/ed.txt"]


@pytest.mark.slow
def test_a_damaged_list_of_a_folder_s_files_is_brought_again(
    team: Team, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DVC believes the list in its cache, and would restore the files under other names."""
    folder = team.caller.folder / "data" / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    assert team.caller.run("-m", "dvc", "add", "data/folder").returncode == 0
    with (team.caller.folder / "dvc.yaml").open("a") as file:
        file.write("  uses:\n    cmd: ls data/folder\n    deps: [data/folder]\n    meta: {pool: cpu}\n")
    assert handover.prepare(Path.cwd(), "p", LOG)
    (listed,) = (team.caller.folder / ".dvc" / "cache").glob("**/*.dir")
    damaged = listed.read_bytes().replace(b"a.txt", b"b.txt")
    listed.chmod(0o644)
    listed.write_bytes(damaged)
    listed.chmod(0o444)  # DVC checks what can be written
    shutil.rmtree(folder)

    bring(Path.cwd(), "uses", stage_environment(None), Children(), LOG)

    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert "brought again: data/folder" in caplog.text


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on this machine that speaks S3, with a bucket."""
    for module in ("dvc_s3", "moto.server"):
        pytest.importorskip(module, reason=f"{module} is not installed: pip install dvc-s3 'moto[server]'")
    import boto3

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    try:
        wait_for_port(port, server)
        boto3.client("s3").create_bucket(Bucket="team")
        yield "s3://team/eva"
    finally:
        server.terminate()
        server.wait()


def wait_for_port(port: int, server: subprocess.Popen[bytes]) -> None:
    while True:
        assert server.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


@pytest.mark.slow
def test_an_s3_store_stands_between_two_hosts(
    team: Team, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    monkeypatch.setenv("EVA_DVC_REMOTE", bucket)
    given = handover.prepare(Path.cwd(), "p", LOG)
    assert given is not None

    assert on_host("one", "prepare@esconv", given, team, monkeypatch) == "Ran"
    given = given.refreshed(Path.cwd())
    assert on_host("two", "sft@esconv-1", given, team, monkeypatch) == "Ran"
    assert on_host("three", "sft@esconv-1", given, team, monkeypatch) == "Cached"
    assert team.caller.journal() == ["data/esconv.txt", "models/sft-esconv-1.txt"]
    assert not list(team.dvc.iterdir())
    assert remote_problem(team.hosts / "one" / "runs" / "run-prepare@esconv") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert "Could not connect" in (remote_problem(team.hosts / "three" / "runs" / "run-sft@esconv-1") or "")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


@pytest.mark.slow
def test_the_key_of_a_stage_is_of_its_inputs(team: Team) -> None:
    first = run_key(Path.cwd(), "prepare@ed")
    assert first == run_key(Path.cwd(), "prepare@ed") != run_key(Path.cwd(), "prepare@esconv")
    (Path.cwd() / "data" / "raw.txt").write_text("changed")
    assert run_key(Path.cwd(), "prepare@ed") != first


def test_uncommitted_changes_are_named_and_travel(team: Team, caplog: pytest.LogCaptureFixture) -> None:
    (Path.cwd() / "data" / "raw.txt").write_text("changed")
    (Path.cwd() / "new.py").write_text("print()")
    git(Path.cwd(), "mv", "stage.py", "moved.py")
    (Path.cwd() / "dvc.lock").write_text("schema: '2.0'\n")

    given = handover.prepare(Path.cwd(), "p", LOG)

    assert given is not None
    assert "data/raw.txt, moved.py, new.py, stage.py" in caplog.text and "dvc.lock" not in caplog.text
    assert git(team.git, "show", f"{given.commit}:data/raw.txt") == "changed"
    assert git(team.git, "rev-parse", "refs/eva/runs/p").strip() == given.commit
    staged = git(Path.cwd(), "diff", "--cached", "--no-renames", "--name-only").split()
    assert staged == ["moved.py", "stage.py"]  # as before


def test_without_remotes_all_stays_here(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVA_DVC_REMOTE")
    with pytest.raises(InputError, match="EVA_GIT_REMOTE is set but EVA_DVC_REMOTE is not"):
        handover.prepare(Path.cwd(), "p", LOG)
    monkeypatch.delenv("EVA_GIT_REMOTE")
    assert handover.prepare(Path.cwd(), "p", LOG) is None


def test_an_input_that_would_not_travel_is_refused(team: Team) -> None:
    (Path.cwd() / ".gitignore").write_text("/data/raw.txt\n")
    git(Path.cwd(), "rm", "--quiet", "--cached", "data/raw.txt")
    git(Path.cwd(), "commit", "--quiet", "-am", "ignored")

    with pytest.raises(InputError, match=r"raw\.txt is neither in git nor in DVC"):
        handover.prepare(Path.cwd(), "p", LOG)


def test_a_large_uncommitted_file_is_refused(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "LARGEST", 3)
    (Path.cwd() / "weights.bin").write_text("four")

    with pytest.raises(InputError, match=r"weights\.bin is too large for git"):
        handover.prepare(Path.cwd(), "p", LOG)


def test_a_git_remote_that_takes_nothing_is_named(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVA_GIT_REMOTE", str(team.git / "absent"))
    with pytest.raises(InputError, match="`git push` failed"):
        handover.prepare(Path.cwd(), "p", LOG)


class TestOnTheWorker:
    @pytest.fixture(autouse=True)
    def host(self, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVA_WORKER_HOME", str(team.hosts / "one"))
        monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "r")
        monkeypatch.setenv("EVA_COMMIT", git(team.caller.folder, "rev-parse", "HEAD").strip())

    def test_an_absent_commit_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVA_COMMIT", "0" * 40)
        with pytest.raises(InputError, match="has no commit 0000"):
            enter()

    def test_an_unreachable_remote_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("EVA_GIT_REMOTE", "/absent")
        with pytest.raises(InputError, match="git remote /absent cannot be read from this host"):
            enter()

    def test_other_packages_are_named(self, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
        (team.caller.folder / "constraints.txt").write_text("prefect==1.0\nabsent-package==2\n")
        git(team.caller.folder, "commit", "--quiet", "-am", "old")
        git(team.caller.folder, "push", "--quiet", str(team.git), "main")
        monkeypatch.setenv("EVA_COMMIT", git(team.caller.folder, "rev-parse", "HEAD").strip())
        with pytest.raises(
            InputError, match=r"1 problem\n  - prefect is [\d.]+ here, 1.0 in constraints.txt"
        ):
            enter()

    def test_one_run_is_not_worked_on_twice(self) -> None:
        code = "from eva.hosts.run_folder import enter; enter(); input()"
        first = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, env=os.environ)
        try:
            while not (Path(os.environ["EVA_WORKER_HOME"]) / "runs" / "r" / ".dvc" / "config.local").exists():
                assert first.poll() is None
            with pytest.raises(InputError, match="another process of this host still works on this run"):
                enter()
        finally:
            first.communicate(b"\n")
        assert enter()["directory"].endswith("/runs/r")

    def test_clones_that_nobody_uses_are_removed(self, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
        left = team.hosts / "one" / "runs" / "left"
        left.mkdir(parents=True)
        left.with_suffix(".lock").touch()
        enter()
        assert not left.exists()

    def test_without_commit_or_checkout_it_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("EVA_COMMIT")
        monkeypatch.delenv("EVA_CHECKOUT", raising=False)
        with pytest.raises(InputError, match="start the pipeline from a checkout with EVA_GIT_REMOTE"):
            enter()


def test_the_digest_is_of_the_pins_alone() -> None:
    one, other = "# c\nb==2 ; python_version>'3'\na==1\n", "a==1\nb==2"
    assert constraints.digest(one) == constraints.digest(other) != constraints.digest("a==1\nb==3")


def test_a_password_in_an_address_is_not_shown() -> None:
    assert shown("https://user:secret@host/eva.git") == "https://host/eva.git"
    assert shown("/srv/eva.git") == "/srv/eva.git"
