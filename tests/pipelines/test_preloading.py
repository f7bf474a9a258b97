"""Stages that are forks of a process with the libraries: they behave as processes of their own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pipelines.preloading import hand_over

from eva.compat.stage_forks import ADDRESS, LEASED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks stages")

ROOT = Path(__file__).resolve().parents[2]
# What the fork runs is the first word; `forks` proves that it was not started anew.
SERVER = """
import sys
from pipelines.preloading import serve
forks = "state of the waiting process"
words, answer = serve(sys.argv[1])
exec(words[0])
"""
CLIENT = """
import sys
from pipelines.preloading import hand_over
code = hand_over(sys.argv[1:])
sys.exit(99 if code is None else code)
"""
HEARS = """
import signal, sys, time
from pathlib import Path
def hear(number, frame):
    Path(words[1], "heard").write_text(signal.Signals(number).name)
    sys.exit(5)
signal.signal(signal.SIGINT, hear)
signal.signal(signal.SIGTERM, hear)
Path(words[1], "ready").touch()
time.sleep(60)
"""


def _environment(address: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"src{os.pathsep}.", ADDRESS: str(address)}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a process that waits."""
    path = tmp_path_factory.mktemp("p") / "s"
    with _waiting(path):
        yield path


@contextmanager
def _waiting(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-c", SERVER, str(path)]
    with subprocess.Popen(words, cwd=ROOT, env=_environment(path), start_new_session=True) as server:
        _wait_for(path.exists)
        yield server
        server.kill()


def _client(address: Path, *words: str, folder: Path = ROOT, **more: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-c", CLIENT, *words]
    environment = _environment(address) | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **more}
    return subprocess.Popen(
        program, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_output_environment_words_and_exit_code_are_the_caller_s(address: Path) -> None:
    code = (
        "import os, sys; print(forks, words[1], os.environ['MINE']); print('!', file=sys.stderr); sys.exit(7)"
    )
    with _client(address, code, "a word", MINE="hello") as client:
        out, err = client.communicate(timeout=60)
    assert (out, err) == ("state of the waiting process a word hello\n", "!\n")
    assert client.returncode == 7


def test_a_stage_ended_by_a_signal_has_the_shell_s_exit_code(address: Path) -> None:
    with _client(address, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") as client:
        assert client.wait(60) == 128 + signal.SIGKILL


def test_stages_run_side_by_side_and_draw_other_random_numbers(address: Path) -> None:
    code = "import random, time; time.sleep(0.5); print(random.random())"
    clients = [_client(address, code) for _ in range(3)]
    assert len({client.communicate(timeout=60)[0] for client in clients}) == 3


def test_the_fork_works_in_the_caller_s_folder(address: Path, tmp_path: Path) -> None:
    with _client(address, "import os; print(os.getcwd())", folder=tmp_path) as client:
        assert client.communicate(timeout=60)[0] == f"{tmp_path}\n"


def test_another_checkout_runs_its_own_stages(address: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines", symlinks=True)
    own = f"{ROOT / 'src'}{os.pathsep}{tmp_path}"
    with _client(address, "raise SystemExit(0)", folder=tmp_path, PYTHONPATH=own) as client:
        assert client.wait(60) == 99


def test_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    assert hand_over(["prepare"]) is None
    monkeypatch.setenv(ADDRESS, str(tmp_path / "gone"))
    assert hand_over(["prepare"]) is None


def test_a_stage_with_leased_gpus_runs_in_its_own_process(address: Path) -> None:
    """By its environment others see which GPUs are in use; a fork shows that of the waiting process."""
    with _client(address, "raise SystemExit(0)", **{LEASED: "GPU-1"}) as client:
        assert client.wait(60) == 99


def test_a_stage_outlives_the_waiting_process_and_tells_its_exit_code(tmp_path: Path) -> None:
    code = (
        f"import os, time; open({str(tmp_path / 'begun')!r}, 'w'); time.sleep(2); os.write(answer, b'6\\n')"
    )
    with _waiting(tmp_path / "s") as server, _client(tmp_path / "s", code) as client:
        _wait_for((tmp_path / "begun").exists)
        server.kill()
        assert client.wait(60) == 6


@pytest.mark.parametrize(
    ("sent", "heard", "code"),
    [("SIGINT", "SIGINT", 5), ("SIGTERM", "SIGTERM", 5), ("SIGKILL", "SIGTERM", -9)],
)
def test_signals_reach_the_stage_which_ends_with_its_caller(
    address: Path, tmp_path: Path, sent: str, heard: str, code: int
) -> None:
    with _client(address, HEARS, str(tmp_path)) as client:
        _wait_for((tmp_path / "ready").exists)
        _wait_for(lambda: _catches(client.pid, signal.SIGTERM))
        client.send_signal(signal.Signals[sent])
        assert client.wait(60) == code
    _wait_for((tmp_path / "heard").exists)
    _wait_for(lambda: (tmp_path / "heard").read_text() == heard)


def test_the_command_s_exit_code_is_ours_and_nothing_stays(tmp_path: Path) -> None:
    script = f"echo ${ADDRESS} > {tmp_path}/address; exit 3"
    words = [sys.executable, "-m", "pipelines.preloading", "bash", "-c", script]
    environment = {name: value for name, value in os.environ.items() if name != ADDRESS}
    done = subprocess.run(words, cwd=ROOT, env=environment | {"PYTHONPATH": "src"}, check=False)
    address = (tmp_path / "address").read_text().strip()
    assert done.returncode == 3
    assert address and not Path(address).parent.exists()
    found = subprocess.run(["pgrep", "-f", address], capture_output=True, check=False)
    assert not found.stdout


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_a_command_that_is_told_to_end_may_save_first(tmp_path: Path, sent: str) -> None:
    """Ctrl-C goes to all processes of the terminal, SIGTERM to the one that make started."""
    save = f"sleep 1; echo saved > {tmp_path}/saved; exit 5"
    script = f"trap '{save}' INT TERM; touch {tmp_path}/ready; while true; do sleep 0.1; done"
    words = [sys.executable, "-m", "pipelines.preloading", "bash", "-c", script]
    with subprocess.Popen(
        words, cwd=ROOT, env=os.environ | {"PYTHONPATH": "src"}, start_new_session=True,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        _wait_for((tmp_path / "ready").exists)
        _wait_for(lambda: _catches(process.pid, signal.SIGTERM))
        tell = os.killpg if sent == "SIGINT" else os.kill
        tell(process.pid, signal.Signals[sent])
        assert "Traceback" not in process.communicate(timeout=60)[1]
    assert process.returncode == 5
    assert (tmp_path / "saved").exists()


def _catches(process: int, number: int) -> bool:
    """Whether the process has its handlers, which it installs after it has started what it waits for."""
    status = Path(f"/proc/{process}/status").read_text().partition("SigCgt:")[2].split()[0]
    return bool(int(status, 16) >> number - 1 & 1)


def _wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
