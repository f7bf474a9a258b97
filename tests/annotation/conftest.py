"""A small round of invented contexts, and answers to it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from docs.studies.simulated_annotators import invented
from tests.cli.conftest import eva, here  # noqa: F401

from eva.annotation.assignment import Workload
from eva.annotation.round_export import plan_round, write_round
from eva.annotation.round_key import Kind, Round
from eva.data.candidates import write_candidates

NewRound = Callable[..., Round]


@pytest.fixture(scope="session")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 contexts of 6 dialogues, with four candidates each."""
    path = tmp_path_factory.mktemp("candidates") / "candidates.jsonl"
    write_candidates(path, invented(6, 4))
    return path


@pytest.fixture
def new_round(candidates: Path, tmp_path: Path) -> NewRound:
    """`new_round(kind, annotators=3, …)` writes a round into the folder `round`."""

    def write(kind: Kind = Kind.RANKING, annotators: int = 3, per_item: int = 0, repeats: int = 0) -> Round:
        work = Workload(annotators, per_item or annotators, repeats, seed=0)
        write_round(plan_round(candidates, kind, work), candidates, tmp_path / "round")
        return Round.read(tmp_path / "round")

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "round"
