"""Complete weights out of a trainer, whatever it did to them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import new_folder, read_json, write_json

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

State = dict[str, "torch.Tensor"]


def whole_state(trainer: Any) -> State | None:
    """Every parameter in full; `None` on all processes but the first where they were partitioned.

    All processes must call it.
    """
    if trainer.is_deepspeed_enabled:
        state: State | None = trainer.accelerator.get_state_dict(trainer.deepspeed)
        return state
    full: State = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    return full


def save_model(model: Any, state: State, tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Write a full Hugging Face folder (safetensors, tokenizer, template) in one step."""
    with new_folder(folder) as temporary:
        model.save_pretrained(temporary, state_dict=state)
        tokenizer.save_pretrained(temporary)
        require_complete(temporary)


def save_adapter(model: Any, state: State, folder: Path) -> None:
    """Write a LoRA adapter without notes of where and in which order it was made."""
    with new_folder(folder) as temporary:
        model.save_pretrained(temporary, state_dict=state)
        (temporary / "README.md").unlink(missing_ok=True)
        config = read_json(temporary / "adapter_config.json")
        config["base_model_name_or_path"] = None
        config["target_modules"] = sorted(config["target_modules"])
        write_json(temporary / "adapter_config.json", config)
        require_complete(temporary)


def require_complete(folder: Path) -> None:
    """Refuse a save with a partitioned (empty) or non-finite tensor.

    Raises:
        RuntimeError: naming the first such tensors.
    """
    from safetensors.torch import safe_open

    faults, count = [], 0
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                tensor = tensors.get_tensor(name)
                count += 1
                if tensor.numel() == 0:
                    faults.append(f"{name} is empty")
                elif not bool(tensor.isfinite().all()):
                    faults.append(f"{name} is not finite")
    if faults or count == 0:
        raise RuntimeError(f"the trained weights are unusable: {'; '.join(faults[:5]) or 'no tensor saved'}")
