"""A pipeline's stages fork from a process that imports their libraries while the first one runs."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from flows.preloaded import checkout_variables, preloaded

from eva.compat.stage_forks import ADDRESS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks stages")


def _waiting_at(address: str) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if address in (p.info["cmdline"] or [])]


def test_it_waits_where_the_runs_of_this_checkout_are_told_and_ends_with_the_block(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    with preloaded():
        told = checkout_variables()
        assert told == {"EVA_CHECKOUT": str(root), ADDRESS: os.environ[ADDRESS]}
        deadline = time.monotonic() + 300
        while not Path(told[ADDRESS]).exists():  # it has imported all libraries
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert _waiting_at(told[ADDRESS])
    assert not _waiting_at(told[ADDRESS])
    assert checkout_variables() == {"EVA_CHECKOUT": str(root)}
