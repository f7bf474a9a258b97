"""Dialogue trees: several responses to one dialogue in one sequence, with the history only once.

The tokens of the longest prompt are the trunk; each response is a branch. A branch attends to its own tokens
and to the part of the trunk that is its prompt, and its position ids continue from there. Every
log-probability equals that of prompt and response alone, but the history is computed once instead of once per
response (Equation 4 of the paper needs four log-probabilities per pair).
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
    """One response: its tokens, the length of its prompt in the trunk, and its number in the batch."""

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
        """Length of the sequence, without the last token of each response, which predicts nothing."""
        return len(self.trunk) + sum(len(branch.ids) - 1 for branch in self.branches)


def grow_trees(
    prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[Sequence[int]]], limit: int
) -> list[Tree]:
    """Trees with `responses[i]` after prompt i, each of at most `limit` tokens if that is possible.

    Prompts that are prefixes of one another share a trunk. A longer tree is split by turns: the responses to
    one prompt (such as the two of a pair) stay together, and nothing is truncated. Branches are numbered over
    all responses in order.
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
    """Split `turns` (in ascending order of start) into trees of as many consecutive turns as fit."""
    held: tuple[Branch, ...] = ()
    for turn in turns:
        if held and Tree(trunk[: turn[0].start], held + turn).tokens > limit:
            yield Tree(trunk[: held[-1].start], held)
            held = ()
        held += turn
    yield Tree(trunk[: held[-1].start], held)


def pack(trees: Sequence[Tree], limit: int) -> list[list[Tree]]:
    """Group trees into sequences of at most `limit` tokens; a larger tree is a group of its own."""
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
    """Several trees in one sequence of T tokens; no token attends to another tree.

    `first` is the index of each tree's first token. Lists of length T: `input_ids`, `positions` (the position
    ids), `tree` and `branch` (those of each token; branch -1 is the trunk) and `sees` (how many tokens of its
    trunk it attends to). Lists with one entry per response token (S): `rows` (the index of the token that
    predicts it), `targets` (the token) and `owners` (the number of its response).
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
        """Concatenate the trees, each with its branches after its trunk."""
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
        """Whether every token attends to all tokens before it, so that a plain causal mask is right."""
        return self.positions == list(range(len(self.positions)))

    def visible(self, device: "torch.device") -> "torch.Tensor":
        """Attention mask: whether each token (row) attends to each token (column), bool [T, T]."""
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
        logits_to_keep=rows,
        use_cache=False,
        **_mask(model, forest, weights),
    ).logits[0]
    targets = torch.tensor(forest.targets, device=device)
    return -torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")


def response_log_probs(model: Any, trees: Sequence[Tree]) -> "torch.Tensor":
    """Summed log-probability of each response of `trees`, in ascending order of number: float32 [responses].

    `model` must be a causal language model without sliding windows (`supports_branches`), unless each tree
    has one branch and is computed alone.
    """
    import torch

    forest = Forest.plant(trees)
    place = {number: i for i, number in enumerate(sorted(set(forest.owners)))}
    given = token_log_probs(model, forest)
    owners = torch.tensor([place[number] for number in forest.owners], device=given.device)
    return torch.zeros(len(place), device=given.device).index_add(0, owners, given)


def _mask(model: Any, forest: Forest, weights: "torch.Tensor") -> dict[str, Any]:
    """Arguments for the model's attention mask: none, or a matrix of 0 and the dtype's minimum."""
    import torch

    if forest.plain:
        return {"attention_mask": None}
    visible = forest.visible(weights.device)
    mask = torch.zeros(visible.shape, dtype=weights.dtype, device=weights.device)
    return {"attention_mask": mask.masked_fill_(~visible, torch.finfo(weights.dtype).min)[None, None]}
