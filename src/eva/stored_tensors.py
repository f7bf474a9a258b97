"""Tensors on disk that come back only if they are what was written, and were made for what is asked now."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


def store(path: Path, tensors: Mapping[str, "torch.Tensor"], made_for: str) -> None:
    """Write tensors in one step; `made_for` names all that they follow from."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(whole, str(temporary), metadata={"sha256": _digest(whole), "made_for": made_for})
    temporary.replace(path)


def stored(path: Path, made_for: str) -> "dict[str, torch.Tensor] | None":
    """What `store` left for the same purpose, if no byte of it has changed; a warning says why else."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            told = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError):
        log.warning("%s is damaged; it is computed again", path.name)
        return None
    if told.get("made_for") != made_for:
        log.warning("%s was made for something else (%s); it is computed again", path, told.get("made_for"))
        return None
    if told.get("sha256") != _digest(tensors):
        log.warning("%s is damaged; it is computed again", path.name)
        return None
    return tensors


def _digest(tensors: Mapping[str, "torch.Tensor"]) -> str:
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
