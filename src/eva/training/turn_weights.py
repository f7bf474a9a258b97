"""Weights of supervised tokens in the loss: uniform, or as in the authors' rows of growing prefixes.

The authors' code trains a dialogue of m supporter turns as m rows; row i holds turns 1 to i and supervises
all of them (ACQ/train_full_*.py). Turn j is then in m - j + 1 rows, always after the same tokens, so a
causal model gives it the same log-probabilities in each row, and one forward pass with weights is enough.
"""

from collections.abc import Sequence
from itertools import accumulate

from eva.errors import InputError
from eva.models.chat import IGNORE, Window
from eva.settings.sft_section import LossWeighting


def token_weights(kind: LossWeighting, windows: Sequence[Window]) -> list[list[float]]:
    """For each window of a dialogue, the weights of its tokens: 0 for tokens without label.

    A loss is the sum of weighted token losses over the sum of the weights of an optimizer step:

    - `uniform`: 1, the mean over tokens.
    - `prefix`: m - j + 1 in turn j of m, the mean over the tokens of all prefix rows.
    - `prefix_mean`: the sum of 1 / N_i over i from j to m, N_i being the supervised tokens of row i: the mean
      over rows of each row's own mean. Batches of one row gave it before transformers 4.46; later
      releases take the mean over all tokens of a step, which is `prefix`.
    """
    if kind == "uniform":
        return [[float(label != IGNORE) for label in window.labels] for window in windows]
    runs = [_runs(window) for window in windows]
    by_turn = _turn_weights(kind, [stop - start for own in runs for start, stop in own])
    found, turn = [], 0
    for window, own in zip(windows, runs, strict=True):
        weights = [0.0] * len(window.labels)
        for start, stop in own:
            weights[start:stop] = [by_turn[turn]] * (stop - start)
            turn += 1
        found.append(weights)
    return found


def _turn_weights(kind: LossWeighting, lengths: Sequence[int]) -> list[float]:
    """The weight of a token of each supporter turn; `lengths` are the turns' supervised tokens."""
    if kind == "prefix":
        return [float(n) for n in range(len(lengths), 0, -1)]
    shares = [1 / total for total in accumulate(lengths)]
    return list(accumulate(reversed(shares)))[::-1]


def _runs(window: Window) -> list[tuple[int, int]]:
    """Start and stop of each supervised turn, which is a contiguous range of labels."""
    runs: list[tuple[int, int]] = []
    for place, label in enumerate(window.labels):
        if label == IGNORE:
            continue
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    if len(runs) != len(window.turns):
        raise InputError(
            f"{len(runs)} supervised ranges for {len(window.turns)} supporter turns: the chat template puts "
            "no token between turns; use `loss_weighting: uniform`"
        )
    return runs
