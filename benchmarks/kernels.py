"""Attention in blocks against torch's kernels: one layer of SmolLM2, forwards and backwards."""

from collections.abc import Callable, Iterator

import torch
from benchmarks.timing import Row, in_turn, ratios
from torch.nn.functional import scaled_dot_product_attention

from eva.models.block_attention import Visible, _attend
from eva.training.dialogue_tree import Forest, grow_trees

_HEADS, _KINDS, _SIZE = 9, 3, 64
_TIMES = 20  # executions in a measurement
Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def compare(rounds: int) -> Iterator[Row]:
    """A row for each shape and baseline."""
    for precision, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        for name, visible in (("600 tokens", _causal(600)), ("1,024 tokens", _causal(1024)), _tree()):
            seconds = in_turn(
                {way: _work(kernel, kind, len(visible)) for way, kernel in _ways(visible, kind).items()},
                rounds,
            )
            for way in list(seconds)[1:]:
                row = Row(f"attention, {name}, against {way}", precision)
                row.seconds = {"EVA": seconds["EVA"], way: seconds[way]}
                row.ratio = ratios(seconds["EVA"], seconds[way])
                row.note = (
                    f"{_TIMES} times forwards and backwards, {float(visible.float().mean()):.0%} is seen"
                )
                yield row


def _causal(length: int) -> torch.Tensor:
    return torch.ones(length, length, dtype=torch.bool).tril()


def _tree() -> tuple[str, torch.Tensor]:
    """Eleven pairs of replies of 25 tokens to the turns of a dialogue of 590."""
    prompts = [list(range(5, 45 + 55 * turn)) for turn in range(11)]
    trees = grow_trees(prompts, [[[1] * 25, [2] * 25] for _ in prompts], 4096)
    forest = Forest.plant(trees)
    return f"a tree of {len(forest.input_ids):,}", forest.visible(torch.device("cpu"))


def _ways(visible: torch.Tensor, kind: torch.dtype) -> dict[str, Kernel]:
    plain = bool(visible.equal(_causal(len(visible))))
    seen = None if plain else Visible(visible)
    hidden = torch.zeros(visible.shape, dtype=kind).masked_fill_(~visible, torch.finfo(kind).min)
    share = _HEADS // _KINDS

    def fused(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        k, v = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1)
        return scaled_dot_product_attention(q, k, v, attn_mask=None if plain else hidden, is_causal=plain)

    def eager(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        k, v = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1)
        scores = q @ k.transpose(2, 3) * _SIZE**-0.5 + hidden
        return scores.softmax(-1, dtype=torch.float32).to(kind) @ v

    return {
        "EVA": lambda q, k, v: _attend(None, q, k, v, None, visible=seen)[0],
        "sdpa": fused,
        "eager": eager,
    }


def _work(kernel: Kernel, kind: torch.dtype, length: int) -> Callable[[], None]:
    heads = (_HEADS, _KINDS, _KINDS)
    states = [torch.randn(1, n, length, _SIZE).to(kind).requires_grad_() for n in heads]

    def run() -> None:
        for _ in range(_TIMES):
            kernel(*states).sum().backward()

    run()  # the first sets up
    return run
