"""The reference's log-probabilities of all pairs, computed once before the first step, for all epochs."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.devices import autocast, best_device, decide
from eva.models.branching import supports_branches
from eva.settings.dpo_section import Dpo
from eva.stored_tensors import store, stored
from eva.training.pair_batch import reference_log_probs

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

_PAIRS = 64  # pairs per forward pass, as far as `tree_tokens` allows
_EVERY = 30.0  # seconds between progress lines


def with_reference(model: Any, rows: Any, settings: Dpo, folder: Path) -> Any:
    """`rows` with a column `reference`: log-probabilities of the chosen and of the rejected response.

    They are kept in `folder`, which belongs to one training: its name covers model, template, rows,
    precision and code. An interrupted training takes them from there if they are unchanged and carry that
    name: those of another training are computed again.

    Args:
        model: the start model, without an adapter.
        rows: a `datasets.Dataset` of `pair_examples`.
        settings: section `dpo`, its precision decided.
        folder: folder of the training.
    """
    path = folder / "trainer" / "reference.safetensors"
    held = stored(path, folder.name)
    if held is None:
        held = {"scores": _computed(model, rows, settings)}
        store(path, held, folder.name)
    return rows.add_column("reference", held["scores"].tolist())


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
