"""The hardware decides the number format; slow bfloat16 by hand is said before the first step."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from eva import devices


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """The decision is kept for the process, so each test starts and leaves without one."""
    for one in (devices.decide, devices._measured):
        one.cache_clear()
    yield
    for one in (devices.decide, devices._measured):
        one.cache_clear()


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize(("speed", "name"), [(0.04, "fp32"), (1.1, "fp32"), (1.3, "bf16"), (6.0, "bf16")])
def test_auto_takes_what_is_faster(
    speed: float, name: str, no_gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "bf16_speed", lambda: speed)
    chosen = devices.decide("auto", "sft.precision")
    assert (chosen.name, chosen.speed) == (name, speed)
    assert f"{speed:.2g} times" in chosen.reason
    assert devices.decisions()["sft.precision"] == name


def test_bf16_by_hand_where_it_is_slow_is_said_once(
    no_gpu: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "bf16_speed", lambda: 0.04)
    with caplog.at_level(logging.WARNING):
        assert devices.decide("bf16", "dpo.precision").dtype == "bfloat16"
        devices.decide("bf16", "dpo.precision")
    assert [r.message for r in caplog.records if r.levelno == logging.WARNING] == [
        "dpo.precision is bf16, and here bfloat16 runs at 0.04 times the speed of float32 on this CPU, "
        "measured; `auto` or `fp32` is faster"
    ]


def test_fast_bf16_by_hand_is_no_warning(
    no_gpu: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "bf16_speed", lambda: 2.3)
    with caplog.at_level(logging.WARNING):
        assert devices.decide("bf16", "sft.precision").bf16
    assert not caplog.records


def test_fp32_measures_nothing(no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> float:
        raise AssertionError("asked the CPU for nothing")

    monkeypatch.setattr(devices, "bf16_speed", measured)
    assert devices.decide("fp32", "generate.precision").dtype == "float32"


def test_an_old_gpu_computes_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for supported, name in ((False, "fp32"), (True, "bf16")):
        devices._measured.cache_clear()
        devices.decide.cache_clear()
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, answer=supported: answer
        )
        assert devices.decide("auto", "sft.precision").name == name


def test_a_cpu_without_bfloat16_is_found_by_measuring(root: Path) -> None:
    """Without AVX-512 a real CPU emulates bfloat16; its switches make this one such a CPU."""
    code = "from eva.devices import decide; print(decide('auto', 'sft.precision').name)"
    slow = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "PYTHONPATH": str(root / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **slow}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "fp32"


def test_seeded_leaves_the_callers_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with devices.seeded(9):
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), expected) and not torch.equal(inside, expected)
