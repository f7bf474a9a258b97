"""One stage through real DVC: what it did, its output, its errors, waiting, and being stopped."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flows.environment import base_environment, stage_environment
from flows.stage import Children, DvcRun, StageError, reproduce
from tests.flows.conftest import Project

LOG = logging.getLogger("test")


@pytest.fixture
def inside(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("EVA_TEST_JOURNAL", project.environment["EVA_TEST_JOURNAL"])
    return project


def run(stage: str, *, force: bool = False, children: Children | None = None) -> str:
    environment = stage_environment(None)
    return reproduce(stage, force=force, environment=environment, children=children or Children(), log=LOG)


@pytest.mark.slow
def test_outcome_says_what_dvc_did(inside: Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    assert run("prepare@ed") == "Ran"
    assert "making data/ed.txt" in caplog.messages
    assert not [message for message in caplog.messages if "git add" in message]
    assert run("prepare@ed") == "Unchanged"
    (inside.folder / "dvc.lock").unlink()
    (inside.folder / "data" / "ed.txt").unlink()
    assert run("prepare@ed") == "Cached"
    assert inside.journal() == ["data/ed.txt"]
    assert run("prepare@ed", force=True) == "Ran"


@pytest.mark.slow
def test_a_failure_carries_the_stage_s_own_words(inside: Project) -> None:
    (inside.folder / "fails").write_text("models/sft-esconv-1.txt")
    run("prepare@esconv")

    with pytest.raises(StageError, match="no supervised tokens in models/sft-esconv-1"):
        run("sft@esconv-1")


@pytest.mark.slow
def test_a_busy_stage_is_waited_for_and_runs_once_each(
    inside: Project, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    script = inside.folder / "stage.py"
    held = "while not Path('go').exists(): time.sleep(0.1)"  # so that the others find it running
    script.write_text(script.read_text().replace("time.sleep(0.3)", held))
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(run("prepare@ed")), daemon=True) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    _wait_for(lambda: any("waits" in message for message in caplog.messages))
    (inside.folder / "go").touch()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["Ran", "Unchanged", "Unchanged"]
    assert inside.journal() == ["data/ed.txt"]
    assert any("waits" in message for message in caplog.messages)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Children:
    """Children that run Python code instead of DVC."""
    start = Children._start
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        Children, "_start",
        lambda self, argv, environment, sink: start(self, [sys.executable, "-c", argv[-1]], os.environ, sink),
    )  # fmt: skip
    return Children()


def test_output_is_followed_in_its_file(plain: Children, tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import sys; sys.stdout.buffer.write(b'caf\\xc3'); sys.stdout.flush()"
    code += "; import time; time.sleep(0.5); sys.stdout.buffer.write(b'\\xa9\\r50%\\rend'); sys.exit(3)"

    run = plain.run([code], {}, lines.append)

    assert lines == ["caf\u00e9", "50%", "end"]
    assert run.code == 3
    assert not list((tmp_path / ".eva" / "stages").iterdir())


def test_a_stage_without_output_is_ended_at_its_limit(plain: Children) -> None:
    with pytest.raises(StageError, match="wrote nothing for 0 minutes, its limit"):
        plain.run(["import time; time.sleep(60)"], {}, print, silence=0.5)


def test_only_a_refusal_to_start_counts_as_busy() -> None:
    refusal = "ERROR: failed to reproduce 'sft': '/x/y' is busy, it is being blocked by:"

    assert DvcRun(255, None, (refusal, "  (PID 1): dvc repro")).busy
    assert not DvcRun(255, "Ran", ("Running stage 'sft':", refusal)).busy
    assert not DvcRun(0, None, (refusal,)).busy


def test_what_the_cache_could_not_take_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC exits with 0 then; `tests/integrity/test_small_disks.py` has it from a real full disk."""
    line = "ERROR: failed to transfer '3d9ac1' - [Errno 28] No space left on device: '/a' -> '/b'"
    monkeypatch.setattr(Children, "run", lambda *_: DvcRun(0, "Ran", (line,), (line,)))
    with pytest.raises(StageError, match=r"make room, then `dvc commit sft@a`(.|\n)*No space left"):
        run("sft@a")


@pytest.mark.slow
def test_stop_ends_dvc_and_what_the_stage_started(inside: Project) -> None:
    pid_file = inside.folder / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    (inside.folder / "stage.py").write_text(code)
    children, failures = Children(), list[BaseException]()

    def call() -> None:
        try:
            run("prepare@ed", children=children)
        except StageError as error:
            failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    _wait_for(lambda: pid_file.exists() and bool(pid_file.read_text()))
    children.stop()
    thread.join(timeout=20)

    assert not thread.is_alive()
    assert failures
    _wait_for(lambda: not Path(f"/proc/{pid_file.read_text()}").exists())
    with pytest.raises(StageError, match="stopped"):
        run("prepare@ed", children=children)


# As `python -m pipelines` does: it ends with DVC; and as a training does, it saves first. Then it runs well.
SAVING = """
import signal, sys, time
from pathlib import Path
from eva.compat.parent_death import end_with_caller

def save(number, frame):
    Path("saved").write_text(signal.Signals(number).name)
    sys.exit(1)

out = Path(sys.argv[1])
if not Path("saved").exists():
    end_with_caller()
    signal.signal(signal.SIGINT, save)
    signal.signal(signal.SIGTERM, save)
    Path("begun").touch()
    time.sleep(60)
    Path("left-alone").touch()
out.write_text("made")
"""

# A flow run, which may be killed.
FLOW = """
import logging
from flows.environment import stage_environment
from flows.stage import Children, reproduce
with Children() as children:
    reproduce("prepare@ed", force=False, environment=stage_environment(None), children=children,
              log=logging.getLogger())
"""


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])  # DVC takes SHELL; dash stays as the parent
@pytest.mark.parametrize(
    ("ended", "number", "heard"),
    [
        ("children", None, "SIGINT"),
        ("dvc", signal.SIGTERM, "SIGTERM"),
        ("dvc", signal.SIGKILL, "SIGTERM"),
        ("flow", signal.SIGKILL, "SIGTERM"),
    ],
)
def test_however_it_ends_the_stage_saves_and_no_lock_stays(
    inside: Project,
    monkeypatch: pytest.MonkeyPatch,
    ended: str,
    number: signal.Signals | None,
    heard: str,
    shell: str,
) -> None:
    monkeypatch.setenv("SHELL", shell)
    (inside.folder / "stage.py").write_text(SAVING)
    dag = inside.folder / "dvc.yaml"  # a lone command, as all of EVA's are
    dag.write_text(dag.read_text().replace("ls data && ", ""))
    begun = inside.folder / "begun"
    if ended == "flow":
        flow = subprocess.Popen(
            [sys.executable, "-c", FLOW], env=inside.environment | stage_environment(None)
        )
        _wait_for(begun.exists)
        flow.send_signal(number or 0)
        flow.wait()
    else:
        children, failures = Children(), list[BaseException]()
        thread = threading.Thread(target=lambda: failures.append(_failure(children)))
        thread.start()
        _wait_for(begun.exists)
        (child,) = children._live
        children.stop() if number is None else child.send_signal(number)
        thread.join(timeout=30)
        assert not thread.is_alive() and isinstance(failures[0], StageError)
    _wait_for((inside.folder / "saved").exists)

    assert (inside.folder / "saved").read_text() == heard
    assert not (inside.folder / "left-alone").exists()
    lock = inside.folder / ".dvc" / "tmp" / "rwlock"
    if number is None:  # DVC itself came to its end
        assert not any(json.loads(lock.read_text()).values())
    assert run("prepare@ed") == "Ran"


def _failure(children: Children) -> BaseException:
    try:
        run("prepare@ed", children=children)
    except StageError as error:
        return error
    raise AssertionError("the stage went on")


def test_environment_of_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")

    environment = stage_environment("abc")

    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert environment["PYTHONPATH"] == "src"
    assert environment["EVA_PARENT_RUN_ID"] == "abc"
    assert "EVA_PARENT_RUN_ID" not in stage_environment(None)
    assert stage_environment(None, "{}")["EVA_PIPELINE_RUN"] == "{}"
    assert base_environment()["DO_NOT_TRACK"] == "true"


def _wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
