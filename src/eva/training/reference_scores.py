"""The reference's log-probabilities of all pairs, computed once before the first step, for all epochs."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from eva.devices import autocast, best_device, decide
from eva.models.branching import supports_branches
from eva.settings.dpo_section import Dpo
from eva.stored_tensors import store, stored
from eva.training.pair_batch import reference_log_probs

log = logging.getLogger(__name__)

_PAIRS = 64  # pairs per forward pass, as far as `tree_tokens` allows
_EVERY = 30.0  # seconds between progress lines


def with_reference(model: Any, rows: Any, settings: Dpo, folder: Path) -> Any:
    """`rows` with a column `reference`: log-probabilities of the chosen and of the rejected response.

    They are kept in `folder`, which belongs to one training: its name covers model, template, rows,
    precision and code. An interrupted training takes them from there if they are unchanged and carry that
    name: those of another training are computed again. The processes of a distributed training all call this;
    each computes a share, and the first writes the file.

    Args:
        model: the start model, without an adapter.
        rows: a `datasets.Dataset` of `pair_examples`.
        settings: section `dpo`, its precision decided.
        folder: folder of the training.
    """
    path = folder / "trainer" / "reference.safetensors"
    rank, processes = _place()
    held = stored(path, folder.name)
    lacking = _sum(torch.tensor(float(held is None)))  # if one does, all compute: they wait for each other
    if held is None or lacking:
        held = {"scores": _sum(_computed(model, rows, _share(rows, rank, processes), settings))}
        if rank == 0:
            store(path, held, folder.name)
    return rows.add_column("reference", held["scores"].tolist())


def _place() -> tuple[int, int]:
    """This process's number, and how many train together."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def _sum(values: torch.Tensor) -> torch.Tensor:
    """The sum over all processes."""
    if not distributed.is_initialized():
        return values
    values = values.to(best_device())
    distributed.all_reduce(values)
    return values.cpu()


def _share(rows: Any, rank: int, processes: int) -> list[int]:
    """Numbers of the rows that a process computes; those of a dialogue are neighbours."""
    dialogues = [str(name) for name in rows["dialogue"]]
    order = sorted(range(len(rows)), key=dialogues.__getitem__)
    return order[len(order) * rank // processes : len(order) * (rank + 1) // processes]


def _computed(model: Any, rows: Any, numbers: Sequence[int], settings: Dpo) -> torch.Tensor:
    """Log-probabilities [rows, 2] of the rows with these numbers; 0 elsewhere."""
    scores = torch.zeros(len(rows), 2)
    began = told = time.monotonic()
    done = 0
    log.info("dpo: reference of %d pairs, once for all epochs", len(rows))
    model.to(best_device())
    read = [rows[i] for i in numbers]
    with autocast(decide(settings.precision, "dpo.precision")):
        branching = supports_branches(model)
        for places, found in reference_log_probs(model, read, _PAIRS, settings.tree_tokens, branching):
            scores[[numbers[i] for i in places]] = found
            done += len(places)
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                left = (told - began) / done * (len(numbers) - done)
                log.info("dpo: reference of %d of %d pairs, %.0f s left", done, len(numbers), left)
    return scores
