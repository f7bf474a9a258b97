"""Choosing tokens: one random stream per response, so that batching changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

_NUCLEUS_GUESS = 256  # a nucleus is rarely larger; sorting the whole vocabulary is slow


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to decode; temperature 0 is greedy.

    `repetition_penalty` follows `transformers`: it weighs on every token of the prompt and of the
    response so far, but for `stop_ids`. Every turn of a prompt ends in one; a penalty on it would keep
    responses from ending.
    """

    max_new_tokens: int
    temperature: float
    top_p: float
    repetition_penalty: float
    stop_ids: frozenset[int]


@dataclass(slots=True)
class Written:
    """Tokens of one response, the stop token left out; `ended` is false where it was cut for its length."""

    ids: list[int] = field(default_factory=list)
    ended: bool = False

    def add(self, token: int, decoding: Decoding) -> bool:
        """Take the next token; whether it was the last."""
        self.ended = token in decoding.stop_ids
        if not self.ended:
            self.ids.append(token)
        return self.ended or len(self.ids) == decoding.max_new_tokens


class Stream:
    """What one response draws from: its own random numbers, and which tokens it has seen."""

    def __init__(self, prompt: Sequence[int], seed: int) -> None:
        # A CPU generator on every device: the same draws everywhere.
        self._generator = torch.Generator().manual_seed(seed)
        self._seen = set(prompt)
        self._mask: torch.Tensor | None = None

    def uniform(self) -> torch.Tensor:
        """The next random number, below 1: shape (1,)."""
        return torch.rand(1, generator=self._generator)

    def penalised(self, scores: torch.Tensor, decoding: Decoding) -> torch.Tensor:
        """Which tokens of a vocabulary (as `scores` has it) the repetition penalty weighs on."""
        if self._mask is None:
            self._mask = torch.zeros(scores.shape[-1], dtype=torch.bool)
            self._mask[sorted(self._seen - decoding.stop_ids)] = True
            self._mask = self._mask.to(scores.device)
        return self._mask

    def see(self, token: int) -> None:
        """Remember a token that was written."""
        if self._mask is not None:
            self._mask[token] = True


def pick(streams: Sequence[Stream], logits: torch.Tensor, decoding: Decoding) -> list[int]:
    """One token for each of `streams`; `logits` is (streams, vocabulary)."""
    scores = logits.float()
    if decoding.repetition_penalty != 1:
        penalty = decoding.repetition_penalty
        lowered = torch.where(scores > 0, scores / penalty, scores * penalty)
        weighed = torch.stack([stream.penalised(scores, decoding) for stream in streams])
        scores = torch.where(weighed, lowered, scores)
    if decoding.temperature == 0:
        picked = scores.argmax(dim=-1)
    else:
        picked = _drawn(streams, (scores / decoding.temperature).softmax(dim=-1), decoding.top_p)
    tokens = [int(token) for token in picked]
    for stream, token in zip(streams, tokens, strict=True):
        stream.see(token)
    return tokens


def _drawn(streams: Sequence[Stream], probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Nucleus sampling by inverting the distribution function over tokens in falling order."""
    size = min(_NUCLEUS_GUESS, probabilities.shape[-1])
    top, tokens = probabilities.topk(size, dim=-1)
    if bool((top.sum(dim=-1) < top_p).any()):
        top, tokens = probabilities.sort(dim=-1, descending=True)
    before = top.cumsum(dim=-1) - top
    top = top.masked_fill(before >= top_p, 0)
    uniform = torch.cat([stream.uniform() for stream in streams])
    reach = top.cumsum(dim=-1)
    target = uniform.to(reach.device)[:, None] * reach[:, -1:]
    index = (reach <= target).sum(dim=-1, keepdim=True)
    last = (top > 0).sum(dim=-1, keepdim=True) - 1
    return tokens.gather(-1, torch.minimum(index, last)).squeeze(-1)
