"""Several responses to one dialogue as one sequence: the history once, each response as a branch.

The tokens of the longest prompt are the trunk. A response at an earlier turn starts where its own
prompt ends: it sees that prefix of the trunk and its own tokens, and its position ids go on from
there. Every log-probability is the one that prompt and response alone would give, while the history
is read once instead of once a response (Equation 4 of the paper needs four such readings a pair).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from eva.models.branching import share_trunks

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Branch:
    """One response: its tokens, how many tokens of the trunk it answers, and its number in the batch."""

    start: int
    ids: Sequence[int]
    number: int


@dataclass(frozen=True)
class Tree:
    """A trunk and the responses to its prefixes."""

    trunk: Sequence[int]
    branches: tuple[Branch, ...]

    @property
    def tokens(self) -> int:
        """Length as the model reads it: the last token of a response predicts nothing, so it is left out."""
        return len(self.trunk) + sum(len(branch.ids) - 1 for branch in self.branches)


def grow_trees(
    prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[Sequence[int]]], limit: int
) -> list[Tree]:
    """Trees that hold `responses[i]` after prompt i, each of at most `limit` tokens where that can be.

    Prompts that are prefixes of one another share a trunk. A tree that would be longer is split by
    turns: the responses to one prompt (the two of a pair, say) stay together, and nothing is cut.
    Branches are numbered through all responses in order.
    """
    first = list(accumulate((len(held) for held in responses), initial=0))
    trees: list[Tree] = []
    for group in share_trunks(prompts):
        turns = [
            tuple(Branch(len(prompts[i]), ids, first[i] + k) for k, ids in enumerate(responses[i]))
            for i in group
        ]
        trees.extend(_split(prompts[group[0]], sorted(turns, key=lambda one: one[0].start), limit))
    return trees


def _split(trunk: Sequence[int], turns: Sequence[tuple[Branch, ...]], limit: int) -> Iterator[Tree]:
    """`turns` by ascending start: as many consecutive ones into a tree as fit."""
    held: tuple[Branch, ...] = ()
    for turn in turns:
        if held and Tree(trunk[: turn[0].start], held + turn).tokens > limit:
            yield Tree(trunk[: held[-1].start], held)
            held = ()
        held += turn
    yield Tree(trunk[: held[-1].start], held)


def pack(trees: Sequence[Tree], limit: int) -> list[list[Tree]]:
    """Trees in groups of at most `limit` tokens, read together; a larger tree is a group of its own."""
    groups: list[list[Tree]] = []
    room = 0
    for tree in sorted(trees, key=lambda one: -one.tokens):
        if tree.tokens > room:
            groups.append([])
            room = limit
        groups[-1].append(tree)
        room -= tree.tokens
    return groups


@dataclass(frozen=True)
class Forest:
    """Trees laid out as one sequence of T tokens, none of which sees another tree.

    `first` is each tree's first place in the sequence. Lists of length T: `input_ids`, `positions`
    (what the model takes as position ids), `tree` and `branch` (which one a token belongs to; branch
    -1 is the trunk) and `sees` (how many tokens of its trunk it sees). One entry for each response
    token, S in all: `rows` (the place that predicts it), `targets` (the token) and `owners` (the
    response's number).
    """

    input_ids: list[int]
    positions: list[int]
    tree: list[int]
    branch: list[int]
    sees: list[int]
    rows: list[int]
    targets: list[int]
    owners: list[int]

    @classmethod
    def plant(cls, trees: Sequence[Tree]) -> "Forest":
        """Lay the trees out one after another, each with its branches behind its trunk."""
        forest = cls([], [], [], [], [], [], [], [])
        for number, tree in enumerate(trees):
            forest._add(number, tree)
        return forest

    def _add(self, number: int, tree: Tree) -> None:
        first = len(self.input_ids)
        self._extend(tree.trunk, 0, number, -1, len(tree.trunk))
        for branch in tree.branches:
            begin = len(self.input_ids)
            self._extend(branch.ids[:-1], branch.start, number, branch.number, branch.start)
            self.rows.extend([first + branch.start - 1, *range(begin, len(self.input_ids))])
            self.targets.extend(branch.ids)
            self.owners.extend([branch.number] * len(branch.ids))

    def _extend(self, ids: Sequence[int], position: int, tree: int, branch: int, sees: int) -> None:
        self.input_ids.extend(ids)
        self.positions.extend(range(position, position + len(ids)))
        for held, value in ((self.tree, tree), (self.branch, branch), (self.sees, sees)):
            held.extend([value] * len(ids))

    @property
    def plain(self) -> bool:
        """Whether every token sees all before it, so that the model's own causal mask is right."""
        return self.positions == list(range(len(self.positions)))

    def visible(self, device: "torch.device") -> "torch.Tensor":
        """Which token (column) each token (row) sees: bool [T, T]."""
        import torch

        tree, branch, sees, position = (
            torch.tensor(held, device=device) for held in (self.tree, self.branch, self.sees, self.positions)
        )
        order = torch.arange(len(tree), device=device)
        of_trunk = (branch[None] == -1) & (position[None] < sees[:, None])
        seen = (order[None] <= order[:, None]) & (tree[None] == tree[:, None])
        return seen & (of_trunk | (branch[None] == branch[:, None]))


def token_log_probs(model: Any, forest: Forest) -> "torch.Tensor":
    """Log-probability of every response token, in the order of `forest.targets`: float32 [S]."""
    import torch

    weights = next(model.parameters())
    device = weights.device
    rows = torch.tensor(forest.rows, device=device)
    logits = model(
        input_ids=torch.tensor([forest.input_ids], device=device),
        position_ids=torch.tensor([forest.positions], device=device),
        attention_mask=None if forest.plain else _additive(forest.visible(device), weights.dtype),
        logits_to_keep=rows,
        use_cache=False,
    ).logits[0]
    targets = torch.tensor(forest.targets, device=device)
    return -torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")


def response_log_probs(model: Any, trees: Sequence[Tree]) -> "torch.Tensor":
    """Summed log-probabilities of the responses of `trees` by ascending number: float32 [responses].

    `model` is a causal language model whose layers all see the whole context (`supports_branches`),
    unless the trees have one branch each and are read one at a time.
    """
    import torch

    forest = Forest.plant(trees)
    place = {number: i for i, number in enumerate(sorted(set(forest.owners)))}
    given = token_log_probs(model, forest)
    owners = torch.tensor([place[number] for number in forest.owners], device=given.device)
    return torch.zeros(len(place), device=given.device).index_add(0, owners, given)


def _additive(visible: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
    """The mask as attention takes it: 0 where a token is seen, the dtype's minimum elsewhere [1, 1, T, T]."""
    import torch

    mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
    return mask.masked_fill_(~visible, torch.finfo(dtype).min)[None, None]
