"""The reference's log-probabilities of all pairs: read once, before the first step, for all epochs."""

import hashlib
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.devices import autocast, best_device, decide
from eva.models.branching import supports_branches
from eva.settings.dpo_section import Dpo
from eva.training.pair_batch import reference_log_probs

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

_PAIRS = 64  # read together, as far as `tree_tokens` allows
_EVERY = 30.0  # seconds between progress lines


def with_reference(model: Any, rows: Any, settings: Dpo, folder: Path) -> Any:
    """`rows` with a column `reference`: log-probabilities of the chosen and of the rejected response.

    They are kept in `folder`, which belongs to one training: its name covers model, template, rows,
    precision and code. An interrupted training takes them from there if their digest is right.

    Args:
        model: the start model, without an adapter.
        rows: a `datasets.Dataset` of `pair_examples`.
        settings: section `dpo`, its precision decided.
        folder: of the training.
    """
    path = folder / "trainer" / "reference.safetensors"
    scores = _stored(path, len(rows))
    if scores is None:
        scores = _computed(model, rows, settings)
        _store(path, scores)
    return rows.add_column("reference", scores.tolist())


def _computed(model: Any, rows: Any, settings: Dpo) -> "torch.Tensor":
    import torch

    scores = torch.zeros(len(rows), 2)
    began = told = time.monotonic()
    done = 0
    log.info("dpo: reference of %d pairs, once for all epochs", len(rows))
    model.to(best_device())
    listed = list(rows)
    order = sorted(range(len(listed)), key=lambda i: str(listed[i]["dialogue"]))
    with autocast(decide(settings.precision, "dpo.precision")):
        branching = supports_branches(model)
        read = [listed[i] for i in order]
        for numbers, found in reference_log_probs(model, read, _PAIRS, settings.tree_tokens, branching):
            scores[[order[i] for i in numbers]] = found
            done += len(numbers)
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                left = (told - began) / done * (len(rows) - done)
                log.info("dpo: reference of %d of %d pairs, %.0f s left", done, len(rows), left)
    return scores


def _store(path: Path, scores: "torch.Tensor") -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    save_file({"scores": scores}, str(temporary), metadata={"sha256": _digest(scores)})
    temporary.replace(path)


def _stored(path: Path, n: int) -> "torch.Tensor | None":
    """What `_store` left, if it is whole and of `n` rows."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            scores: torch.Tensor = file.get_tensor("scores")
            written = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError):
        return None
    if written == _digest(scores) and len(scores) == n:
        return scores
    log.warning("%s is damaged; the reference is computed again", path.name)
    return None


def _digest(scores: "torch.Tensor") -> str:
    return hashlib.sha256(scores.contiguous().numpy().tobytes()).hexdigest()
