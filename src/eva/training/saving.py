"""Saving complete weights from a trainer, also if it partitioned them."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import new_folder, read_json, write_json

if TYPE_CHECKING:
    import torch

State = dict[str, "torch.Tensor"]

# Files that fine-tuning does not change. They are copied: saving them again would add their source path.
_KEPT = (
    "tokenizer*", "chat_template*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt",
    "generation_config.json",
)  # fmt: skip


def whole_state(trainer: Any) -> State | None:
    """All parameters in full; if they are partitioned, `None` on all processes except the first.

    All processes of a training must call it.
    """
    if trainer.is_deepspeed_enabled:
        state: State | None = trainer.accelerator.get_state_dict(trainer.deepspeed)
        return state
    full: State = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    return full


def save_model(model: Any, state: State, start: Path, folder: Path) -> None:
    """Write a complete Hugging Face folder atomically: the weights, and the tokenizer files of `start`."""
    with new_folder(folder) as temporary:
        model.config.use_cache = True  # the trainer turned it off, but generation needs it
        model.save_pretrained(temporary, state_dict=state)
        for pattern in _KEPT:
            for path in start.glob(pattern):
                shutil.copyfile(path, temporary / path.name)
        require_complete(temporary)


def save_adapter(model: Any, state: State, folder: Path) -> None:
    """Write a LoRA adapter without the source path and with sorted module names, so that bytes repeat."""
    with new_folder(folder) as temporary:
        model.save_pretrained(temporary, state_dict=state)
        (temporary / "README.md").unlink(missing_ok=True)
        config = read_json(temporary / "adapter_config.json")
        config["base_model_name_or_path"] = None
        config["target_modules"] = sorted(config["target_modules"])
        write_json(temporary / "adapter_config.json", config)
        require_complete(temporary)


def require_complete(folder: Path) -> None:
    """Refuse saved weights with an empty (partitioned) or non-finite tensor.

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
