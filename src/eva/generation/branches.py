"""Decoding of many responses whose prompts share prefixes.

The prompts of a dialogue's supporter turns are prefixes of one another. So one forward pass computes the
keys and values of a whole dialogue (the trunk), and every response is decoded as a branch from the end of
its own prompt. Each step computes the newest token of all open branches, of several dialogues, as one
sequence, because most of the time of a step is spent reading the weights, whatever the number of tokens.
When a branch ends, the next one takes its place, so a branch may begin while others are being written.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from eva.generation.sampling import Decoding, Sampling, Stream, Written, pick
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


@dataclass(slots=True, eq=False)
class Branch:
    """A response that is being decoded, and the position of its next token.

    `fault` is what `decoding.hear` raised, which ends the response.
    """

    name: int
    tree: TreeCache
    number: int  # among the branches of the tree
    position: int
    stream: Stream
    first: torch.Tensor
    decoding: Decoding
    written: Written = field(default_factory=Written)
    fault: Exception | None = None

    def add(self, token: int) -> bool:
        """Add the next token; returns whether the response is complete."""
        try:
            ended = self.written.add(token, self.decoding)
        except Exception as error:
            self.fault, ended = error, True
        if ended:
            self.tree.end(self.number)
        return ended


class OpenBranches:
    """The branches of a model that take each step together; their settings may differ.

    To be used in a context of `tree_attention`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.rows: list[Branch] = []

    def begin(self, new: Sequence[Branch]) -> list[Branch]:
        """Choose the first token of branches, and let them take part; returns those that have ended."""
        ended = _choose(new, torch.stack([branch.first for branch in new]))
        self.rows += [branch for branch in new if branch not in ended]
        self.rows.sort(key=lambda branch: branch.tree.order)  # branches of one tree must be adjacent
        return ended

    def step(self) -> list[Branch]:
        """Choose the next token of every branch; returns those that have ended."""
        ended = _choose(self.rows, self._logits())
        self.rows = [branch for branch in self.rows if branch not in ended]
        return ended

    def _logits(self) -> torch.Tensor:
        """The logits (rows, vocabulary) after the newest token of each branch."""
        rows, trees, start = self.rows, [], 0
        while start < len(rows):
            own = [branch.number for branch in rows[start:] if branch.tree is rows[start].tree]
            rows[start].tree.begin(own)
            trees.append((rows[start].tree, slice(start, start + len(own))))
            start += len(own)
        device = self._model.device
        result = self._model(
            input_ids=torch.tensor([[branch.written.ids[-1] for branch in rows]], device=device),
            position_ids=torch.tensor([[branch.position for branch in rows]], device=device),
            use_cache=False,
            trees=trees,
        )
        for branch in rows:
            branch.position += 1
        logits: torch.Tensor = result.logits[0]
        return logits


def decode_branches(
    model: Any, trunks: Sequence[Trunk], decoding: Decoding, batch_size: int
) -> Iterator[tuple[int, Written]]:
    """Pairs of name and response, each as soon as it ends; at most `batch_size` are decoded at once.

    What `decoding.hear` raises ends it.
    """
    unread, waiting = deque(enumerate(trunks)), deque[Branch]()
    branches = OpenBranches(model)
    with tree_attention(model):
        while unread or waiting or branches.rows:
            new: list[Branch] = []
            while len(branches.rows) + len(new) < batch_size and (waiting or unread):
                if not waiting:
                    waiting.extend(read_trunk(model, *unread.popleft(), decoding))
                new.append(waiting.popleft())
            for ended in branches.begin(new) if new else branches.step():
                if ended.fault is not None:
                    raise ended.fault
                yield ended.name, ended.written


def read_trunk(model: Any, order: int, trunk: Trunk, decoding: Decoding) -> Iterator[Branch]:
    """The branches of a trunk after its forward pass, each with the logits of its first token.

    `order` is a number of its own for each trunk.
    """
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
        yield Branch(name, tree, number, length, stream, read.logits[0, number], decoding)


def _choose(branches: Sequence[Branch], logits: torch.Tensor) -> list[Branch]:
    """Choose the next token of each branch; returns those that have ended."""
    alike: dict[Sampling, list[int]] = defaultdict(list)
    for row, branch in enumerate(branches):
        alike[branch.decoding.sampling].append(row)
    ended = []
    for rows in alike.values():
        own = [branches[row] for row in rows]
        scores = logits if len(rows) == len(branches) else logits[rows]
        picked = pick([branch.stream for branch in own], scores, own[0].decoding)
        ended += [branch for branch, token in zip(own, picked, strict=True) if branch.add(token)]
    return ended
