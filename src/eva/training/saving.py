"""Complete weights out of a trainer, whatever it did to them."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import new_folder, read_json, write_json

if TYPE_CHECKING:
    import torch

State = dict[str, "torch.Tensor"]

# Files that fine-tuning does not change; saving them again would note where they were loaded from.
_KEPT = (
    "tokenizer*", "chat_template*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt",
    "generation_config.json",
)  # fmt: skip


def whole_state(trainer: Any) -> State | None:
    """Every parameter in full; `None` on all processes but the first where they were partitioned.

    All processes must call it.
    """
    if trainer.is_deepspeed_enabled:
        state: State | None = trainer.accelerator.get_state_dict(trainer.deepspeed)
        return state
    full: State = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    return full


def save_model(model: Any, state: State, start: Path, folder: Path) -> None:
    """Write a full Hugging Face folder in one step: the weights, and the tokenizer of `start` as it is."""
    with new_folder(folder) as temporary:
        model.config.use_cache = True  # the trainer turned it off; generation would crawl without
        model.save_pretrained(temporary, state_dict=state)
        for pattern in _KEPT:
            for path in start.glob(pattern):
                shutil.copyfile(path, temporary / path.name)
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
