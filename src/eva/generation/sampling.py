"""Sampling of tokens; each response has its own random generator, so that it does not depend on its batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

Sampling = tuple[float, float, float, frozenset[int]]

_NUCLEUS_GUESS = 256  # tokens tried first: the nucleus is rarely larger, and sorting the vocabulary is slow


@dataclass(frozen=True, slots=True)
class Decoding:
    """The decoding parameters; temperature 0 is greedy decoding.

    `hear` is called with each token that is written, and may end the decoding by an exception.

    `repetition_penalty` is that of `transformers`: it applies to every token of the prompt and of the
    response so far, except `stop_ids`. Every turn in a prompt ends with one of these, so a penalty would
    keep responses from ending.
    """

    max_new_tokens: int
    temperature: float
    top_p: float
    repetition_penalty: float
    stop_ids: frozenset[int]
    hear: Callable[[int], None] | None = None

    @property
    def sampling(self) -> Sampling:
        """What the choice of a token depends on: responses that have this in common are chosen together."""
        return self.temperature, self.top_p, self.repetition_penalty, self.stop_ids


@dataclass(slots=True)
class Written:
    """The tokens of one response without the stop token; `ended` is false if it was cut off."""

    ids: list[int] = field(default_factory=list)
    ended: bool = False

    def add(self, token: int, decoding: Decoding) -> bool:
        """Add the next token; returns whether the response is complete."""
        self.ended = token in decoding.stop_ids
        if not self.ended:
            self.ids.append(token)
            if decoding.hear is not None:
                decoding.hear(token)
        return self.ended or len(self.ids) == decoding.max_new_tokens


class Stream:
    """The random generator of one response, and the set of tokens seen so far."""

    def __init__(self, prompt: Sequence[int], seed: int) -> None:
        # A CPU generator on every device, so that random numbers are the same everywhere.
        self._generator = torch.Generator().manual_seed(seed)
        self._seen = set(prompt)
        self._mask: torch.Tensor | None = None

    def uniform(self) -> torch.Tensor:
        """The next uniform random number in [0, 1), shape (1,)."""
        return torch.rand(1, generator=self._generator)

    def penalised(self, scores: torch.Tensor, decoding: Decoding) -> torch.Tensor:
        """(vocabulary,) mask of the tokens to which the repetition penalty applies."""
        if self._mask is None:
            self._mask = torch.zeros(scores.shape[-1], dtype=torch.bool)
            self._mask[sorted(self._seen - decoding.stop_ids)] = True
            self._mask = self._mask.to(scores.device)
        return self._mask

    def see(self, token: int) -> None:
        """Record a generated token."""
        if self._mask is not None:
            self._mask[token] = True


def pick(streams: Sequence[Stream], logits: torch.Tensor, decoding: Decoding) -> list[int]:
    """Sample one token for each of `streams`; `logits` is (streams, vocabulary)."""
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
    """Nucleus sampling: inverts the cumulative distribution of the tokens, most probable first."""
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
