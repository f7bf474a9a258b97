"""The paper's way to a large batch: accumulated gradients, activations computed again (Appendix G).

A batch of four in one piece, and the same four one by one with checkpointing, are the same training.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eva.data.dialogue import Dialogue, Preference
from eva.settings.dpo_section import Dpo
from eva.settings.sft_section import Sft
from eva.training.result import TrainResult

pytestmark = pytest.mark.slow

WHOLE = {"batch_size": 4, "accumulation": 1, "gradient_checkpointing": False, "epochs": 3, "lr": 1e-3}
PIECES = {**WHOLE, "batch_size": 1, "accumulation": 4, "gradient_checkpointing": True}


@dataclass(frozen=True)
class Trained:
    """What came out, and how often a layer's activations were left to be computed again."""

    result: TrainResult
    weights: dict[str, Any]
    checkpointed: int


@pytest.fixture(params=["sft", "dpo"])
def both(
    request: pytest.FixtureRequest,
    tiny: Path,
    dialogues: list[Dialogue],
    pairs: list[Preference],
    sft: Sft,
    dpo: Dpo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[Trained]:
    """The training in whole batches, and the one in pieces."""
    from safetensors.torch import load_file
    from transformers import modeling_utils

    from eva.training import dpo as dpo_stage
    from eva.training import sft as sft_stage

    compute = modeling_utils.checkpoint
    found = []
    for name, change in (("whole", WHOLE), ("pieces", PIECES)):
        calls: list[None] = []
        monkeypatch.setattr(
            modeling_utils,
            "checkpoint",
            lambda *a, _calls=calls, **k: (_calls.append(None), compute(*a, **k))[1],
        )
        out, store = tmp_path / name, tmp_path / "store"
        if request.param == "sft":
            settings = sft.model_copy(update=change)
            result = sft_stage.train(settings, dialogues[:4], dialogues[6:], tiny, out, 1, store)
            weights = load_file(out / "model.safetensors")
        else:
            alignment = dpo.model_copy(update={**change, "dropout": 0.0})
            result = dpo_stage.train(alignment, pairs[:4], pairs[6:], tiny, out, ["q_proj"], 1, store)
            weights = load_file(out / "adapter_model.safetensors")
        found.append(Trained(result, weights, len(calls)))
    return found


def test_accumulated_and_checkpointed_equals_one_batch(both: list[Trained], tiny: Path) -> None:
    import torch
    from safetensors.torch import load_file

    whole, pieces = both
    assert not pieces.result.reused
    assert whole.checkpointed == 0 < pieces.checkpointed
    assert pieces.result.metrics["effective_batch"] == whole.result.metrics["effective_batch"] == 4
    assert [row["step"] for row in pieces.result.history] == [1, 2, 3]
    for ours, theirs in zip(pieces.result.history, whole.result.history, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)
    assert pieces.weights.keys() == whole.weights.keys()
    for name, value in whole.weights.items():
        assert torch.allclose(pieces.weights[name], value, atol=2e-5), name
    start = load_file(tiny / "model.safetensors")
    assert not any(torch.equal(value, start[name]) for name, value in whole.weights.items() if name in start)
