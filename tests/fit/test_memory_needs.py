"""Memory: what is known by arithmetic, and what a real step of torch allocates."""

from pathlib import Path

import pytest

from eva.fit.architecture import Architecture, from_config, known_models
from eva.fit.memory_needs import Sharding, sft_memory, sharding
from eva.settings.sft_section import Sft

MISTRAL = from_config(known_models()["mistralai/Mistral-7B-Instruct-v0.2"])


def settings(**changed: object) -> Sft:
    given = {
        "epochs": 1, "lr": 1e-5, "batch_size": 1, "accumulation": 1, "max_length": 1024, "warmup": 0.1,
        "precision": "fp32", "gradient_checkpointing": False, "save_steps": 10, "max_train": None,
        "max_valid": None,
    }  # fmt: skip
    return Sft.model_validate({**given, **changed})


def states(over: Sharding) -> float:
    return sft_memory(MISTRAL, settings(gradient_checkpointing=True), "fp32", 1, 1, over) / MISTRAL.parameters


def test_weights_gradients_and_moments_are_16_bytes_a_parameter() -> None:
    assert states(Sharding()) == pytest.approx(16, rel=0.01)


def test_zero_spreads_them() -> None:
    assert states(Sharding(1, 1, 8)) == pytest.approx(4 + 4 + 1, rel=0.01)
    assert states(Sharding(1, 8, 8)) == pytest.approx(4 + 0.5 + 1, rel=0.01)
    gathered = 2 * MISTRAL.layer * 4 / MISTRAL.parameters
    assert states(Sharding(8, 8, 8)) == pytest.approx(2 + gathered, rel=0.01)


@pytest.mark.parametrize(("stage", "over"), [("zero2", Sharding(1, 8, 8)), ("zero3", Sharding(8, 8, 8))])
def test_sharding_is_that_of_the_deepspeed_file(root: Path, stage: str, over: Sharding) -> None:
    given = settings(
        deepspeed=f"infra/deepspeed/{stage}.json", launcher="torchrun", accumulation=8, processes=8
    )
    assert sharding(given, root) == over
    assert sharding(settings(), root) == Sharding()


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [False, True])
def test_activations_are_about_what_torch_keeps(checkpointing: bool) -> None:
    """Bytes that autograd saves for the backward pass, counted tensor by tensor."""
    import torch

    from eva.fit.probing import _decoder

    shape = Architecture(12, 256, 688, 8, 2, 32, 1000, True)
    model, length = _decoder(shape).train(), 256
    if checkpointing:
        model.gradient_checkpointing_enable()
    own = {one.untyped_storage().data_ptr() for one in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(input_ids=torch.zeros(2, length, dtype=torch.long), logits_to_keep=1, use_cache=False)
    assert out.logits.shape == (2, 1, 1000)
    given = settings(gradient_checkpointing=checkpointing, batch_size=2)
    ours = sft_memory(shape, given, "fp32", length, 0, Sharding()) - 16 * shape.parameters
    layer = 2 * length * 4 * (8 * shape.hidden + 2 * (shape.query + shape.key) + 4 * shape.intermediate)
    forward = ours - layer if checkpointing else ours  # one layer is made again in the backward pass
    assert sum(kept.values()) == pytest.approx(forward, rel=0.35)
