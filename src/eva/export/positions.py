"""What a model expects at one position, and how far two expectations are apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np

_SUM = 1e-9  # a rest of less probability than this is rounding


@dataclass(frozen=True, slots=True)
class Position:
    """Token ids with their log-probabilities, the likeliest first; some models list only these."""

    ids: "np.ndarray[Any, Any]"
    logs: "np.ndarray[Any, Any]"

    @property
    def likeliest(self) -> int:
        return int(self.ids[0])


def whole(logs: "np.ndarray[Any, Any]") -> Position:
    """The position of a model that gives the log-probability of every token."""
    order = np.argsort(-logs, kind="stable")
    return Position(order, logs[order].astype(np.float64))


def divergence(reference: "np.ndarray[Any, Any]", found: Position) -> float:
    """KL divergence, in nats, of what was found from the log-probabilities of the reference.

    Tokens that `found` does not list count as one, so it is a lower bound by what differs among them.
    """
    expected = reference[found.ids].astype(np.float64)
    listed = float(np.sum(np.exp(expected) * (expected - found.logs)))
    rest, other = (1.0 - float(np.exp(logs).sum()) for logs in (expected, found.logs))
    if rest <= _SUM:
        return listed
    return listed + rest * float(np.log(rest) - np.log(max(other, _SUM)))
