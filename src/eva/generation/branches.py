"""Decoding of many responses whose prompts share prefixes.

The prompts of a dialogue's supporter turns are prefixes of one another. So one forward pass computes the
keys and values of a whole dialogue (the trunk), and every response is decoded as a branch from the end of
its own prompt. Each step computes the newest token of all open branches, of several dialogues, as one
sequence, because most of the time of a step is spent reading the weights, whatever the number of tokens.
When a branch ends, the next one takes its place.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from eva.generation.sampling import Decoding, Stream, Written, pick
from eva.generation.tree_cache import TreeCache, tree_attention


@dataclass(frozen=True, slots=True)
class Trunk:
    """The longest prompt of a group, and the prompts that are its prefixes.

    `lengths` are the lengths in tokens of all prompts of the group; `seeds` and `names` belong to their
    responses.
    """

    ids: list[int]
    lengths: list[int]
    seeds: list[int]
    names: list[int]


@dataclass(slots=True)
class _Branch:
    """A response that is being decoded, and the position of its next token."""

    name: int
    tree: TreeCache
    number: int  # among the branches of the tree
    position: int
    stream: Stream
    first: torch.Tensor
    written: Written = field(default_factory=Written)


def decode_branches(
    model: Any, trunks: Sequence[Trunk], decoding: Decoding, batch_size: int
) -> Iterator[tuple[int, Written]]:
    """Pairs of name and response, each as soon as it ends; at most `batch_size` are decoded at once."""
    unread, waiting = deque(enumerate(trunks)), deque[_Branch]()
    rows: list[_Branch] = []
    with tree_attention(model):
        while unread or waiting or rows:
            new: list[_Branch] = []
            while len(rows) + len(new) < batch_size and (waiting or unread):
                if not waiting:
                    waiting.extend(_read(model, *unread.popleft()))
                new.append(waiting.popleft())
            if new:
                first = torch.stack([branch.first for branch in new])
                rows += yield from _grown(new, first, decoding)
                rows.sort(key=lambda branch: branch.tree.order)  # branches of one tree must be adjacent
            elif rows:
                rows = yield from _grown(rows, _step(model, rows), decoding)


def _read(model: Any, order: int, trunk: Trunk) -> Iterator[_Branch]:
    """The branches of a trunk after its forward pass, each with the logits of its first token."""
    from transformers import DynamicCache

    cache = DynamicCache()
    read = model(
        input_ids=torch.tensor([trunk.ids], device=model.device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=torch.tensor(trunk.lengths, device=model.device) - 1,
    )
    tree = TreeCache(cache, trunk.lengths, order)
    for number, (name, length, seed) in enumerate(zip(trunk.names, trunk.lengths, trunk.seeds, strict=True)):
        stream = Stream(trunk.ids[:length], seed)
        yield _Branch(name, tree, number, length, stream, read.logits[0, number])


def _grown(
    branches: Sequence[_Branch], logits: torch.Tensor, decoding: Decoding
) -> Generator[tuple[int, Written], None, list[_Branch]]:
    """Choose the next token of each branch; yields responses that end, returns the branches that continue."""
    picked = pick([branch.stream for branch in branches], logits, decoding)
    going = []
    for branch, token in zip(branches, picked, strict=True):
        if branch.written.add(token, decoding):
            branch.tree.end(branch.number)
            yield branch.name, branch.written
        else:
            going.append(branch)
    return going


def _step(model: Any, rows: Sequence[_Branch]) -> torch.Tensor:
    """The logits (rows, vocabulary) after the newest token of each branch."""
    trees, start = [], 0
    while start < len(rows):
        own = [branch.number for branch in rows[start:] if branch.tree is rows[start].tree]
        rows[start].tree.begin(own)
        trees.append((rows[start].tree, slice(start, start + len(own))))
        start += len(own)
    result = model(
        input_ids=torch.tensor([[branch.written.ids[-1] for branch in rows]], device=model.device),
        position_ids=torch.tensor([[branch.position for branch in rows]], device=model.device),
        use_cache=False,
        trees=trees,
    )
    for branch in rows:
        branch.position += 1
    logits: torch.Tensor = result.logits[0]
    return logits
