"""One GPU, one stage, whoever wants it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flows import lease

from eva.errors import InputError


class GaveUpError(Exception):
    """Raised instead of waiting."""


def give_up(_seconds: float) -> None:
    raise GaveUpError


@pytest.fixture(autouse=True)
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVA_LEASES", str(tmp_path / "leases"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")


def test_a_gpu_is_held_until_it_is_given_back() -> None:
    told: list[str] = []
    with lease.leased(1, told.append, give_up) as one, lease.leased(1, told.append, give_up) as other:
        assert one["CUDA_VISIBLE_DEVICES"] == "GPU-a"
        assert other["CUDA_VISIBLE_DEVICES"] == "GPU-b"
        with pytest.raises(GaveUpError), lease.leased(1, told.append, give_up):
            pass
    assert told == ["waits for 1 of the GPUs GPU-a, GPU-b of this host: other stages use them"]
    with lease.leased(2, told.append, give_up) as both:
        assert both["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-b"


def test_too_few_free_ones_are_given_back_at_once() -> None:
    with lease.leased(1, print, give_up):
        with pytest.raises(GaveUpError), lease.leased(2, print, give_up):
            pass
        with lease.leased(1, print, give_up) as second:
            assert second["CUDA_VISIBLE_DEVICES"] == "GPU-b"


def test_a_process_that_outlives_its_flow_run_keeps_its_gpu() -> None:
    """As a training does that still saves after the flow run was killed: the lock is free, the GPU is not."""
    training = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={**os.environ, lease.LEASED: "GPU-a"}
    )
    try:
        with lease.leased(1, print, give_up) as taken:
            assert taken["CUDA_VISIBLE_DEVICES"] == "GPU-b"
    finally:
        training.communicate(b"\n")
    with lease.leased(1, print, give_up) as taken:
        assert taken["CUDA_VISIBLE_DEVICES"] == "GPU-a"


def test_a_killed_holder_frees_its_gpu() -> None:
    code = "from flows import lease\nwith lease.leased(2, print, print): print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])}, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert holder.stdout and holder.stdout.readline() == "held\n"
    with pytest.raises(GaveUpError), lease.leased(1, print, give_up):
        pass
    holder.kill()
    holder.communicate()
    with lease.leased(2, print, give_up):
        pass


def test_users_share_the_locks_whatever_their_umask(tmp_path: Path) -> None:
    """Who did not make a lock file must be able to lock it, and may only read it."""
    before = os.umask(0o077)
    try:
        with lease.leased(1, print, give_up):
            (lock,) = (tmp_path / "leases").iterdir()
            assert lock.stat().st_mode & 0o777 == 0o644
            lock.chmod(0o444)
            with lease.leased(1, print, give_up) as second:
                assert second["CUDA_VISIBLE_DEVICES"] == "GPU-b"
    finally:
        os.umask(before)


def test_more_than_the_host_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"wants 3 GPUs .* this host has 2"), lease.leased(3, print, give_up):
        pass


def test_without_a_gpu_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with lease.leased(1, print, give_up) as one, lease.leased(1, print, give_up) as other:
        assert one == other == {}
