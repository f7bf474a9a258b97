"""Processes that train together compute a share of DPO's reference each, and one of them writes it."""

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.training.conftest import ended, fork_ranks, forked

from eva.artifacts import read_json, write_json
from eva.models.loading import load_model
from eva.stored_tensors import store
from eva.training.dpo import plan
from eva.training.pair_batch import reference_log_probs
from eva.training.reference_scores import with_reference

pytestmark = pytest.mark.slow

MODULE = "eva.training.reference_scores"


def test_two_processes_share_the_reference(tiny: Path, pairs: Any, dpo: Any, tmp_path: Path) -> None:
    """Two that both wrote the file have met: the slower one found its own gone."""
    job = plan(dpo, pairs[:5], pairs[6:], tiny, ["q_proj"], 1).job

    def work() -> None:
        from torch import distributed

        if rank := os.environ.get("RANK"):
            distributed.init_process_group("gloo")
        name = f"rank-{rank}" if rank else "alone"
        found = []
        with (
            patch(f"{MODULE}.reference_log_probs", side_effect=reference_log_probs) as computed,
            patch(f"{MODULE}.store", side_effect=store) as stored,
        ):
            for _ in range(2):  # the second time it is read
                rows = with_reference(load_model(tiny), job.train, job.settings, tmp_path / name[:4])
                found.append(list(rows["reference"]))
                if rank:
                    distributed.barrier()
        sizes = [len(call.args[1]) for call in computed.call_args_list]
        write_json(tmp_path / f"{name}.json", {"rows": sizes, "stored": stored.call_count, "found": found})

    codes = [ended(pid) for pid in fork_ranks(work, tmp_path)]
    assert codes == [0, 0], (tmp_path / "log-0").read_text() + (tmp_path / "log-1").read_text()
    assert ended(forked(work, tmp_path / "log")) == 0, (tmp_path / "log").read_text()
    first, second, alone = (read_json(tmp_path / f"{name}.json") for name in ("rank-0", "rank-1", "alone"))
    assert [done["rows"] for done in (first, second, alone)] == [[2], [3], [5]]
    assert [done["stored"] for done in (first, second, alone)] == [1, 0, 1]
    assert first["found"] == second["found"] and first["found"][0] == first["found"][1]
    for one, two in zip(alone["found"][0], first["found"][0], strict=True):
        assert two == pytest.approx(one, rel=1e-5)
