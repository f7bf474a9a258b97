"""Choosing tokens: one random stream per response, so that batching changes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

_NUCLEUS_GUESS = 256  # a nucleus is rarely larger; sorting the whole vocabulary is slow

Step = Callable[[list[int], list[int]], torch.Tensor]


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


class Sampler:
    """Picks the next token of every row; a row is one response."""

    def __init__(self, decoding: Decoding, prompts: Sequence[list[int]], seeds: Sequence[int]) -> None:
        self._decoding = decoding
        self._prompts = prompts
        self._seen: torch.Tensor | None = None
        # CPU generators on every device: the same draws everywhere.
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def pick(self, rows: list[int], logits: torch.Tensor) -> list[int]:
        """One token for each of `rows`; `logits` is (rows, vocabulary)."""
        scores = self._penalised(rows, logits.float())
        if self._decoding.temperature == 0:
            picked = scores.argmax(dim=-1)
        else:
            picked = self._drawn(rows, (scores / self._decoding.temperature).softmax(dim=-1))
        if self._seen is not None:
            self._seen[torch.tensor(rows, device=picked.device), picked] = True
        return [int(token) for token in picked]

    def _penalised(self, rows: list[int], scores: torch.Tensor) -> torch.Tensor:
        penalty = self._decoding.repetition_penalty
        if penalty == 1:
            return scores
        if self._seen is None:
            self._seen = torch.zeros(len(self._prompts), scores.shape[-1], dtype=torch.bool)
            for row, prompt in enumerate(self._prompts):
                self._seen[row, torch.tensor(prompt)] = True
            self._seen[:, sorted(self._decoding.stop_ids)] = False
            self._seen = self._seen.to(scores.device)
        lowered = torch.where(scores > 0, scores / penalty, scores * penalty)
        return torch.where(self._seen[torch.tensor(rows, device=scores.device)], lowered, scores)

    def _drawn(self, rows: list[int], probabilities: torch.Tensor) -> torch.Tensor:
        """Nucleus sampling by inverting the distribution function over tokens in falling order."""
        size = min(_NUCLEUS_GUESS, probabilities.shape[-1])
        top, tokens = probabilities.topk(size, dim=-1)
        if bool((top.sum(dim=-1) < self._decoding.top_p).any()):
            top, tokens = probabilities.sort(dim=-1, descending=True)
        before = top.cumsum(dim=-1) - top
        top = top.masked_fill(before >= self._decoding.top_p, 0)
        uniform = torch.cat([torch.rand(1, generator=self._generators[row]) for row in rows])
        reach = top.cumsum(dim=-1)
        target = uniform.to(reach.device)[:, None] * reach[:, -1:]
        index = (reach <= target).sum(dim=-1, keepdim=True)
        last = (top > 0).sum(dim=-1, keepdim=True) - 1
        return tokens.gather(-1, torch.minimum(index, last)).squeeze(-1)


def grow(first: torch.Tensor, sampler: Sampler, decoding: Decoding, step: Step) -> list[Written]:
    """Write responses until each stops or is full.

    `first` holds the logits after each prompt; `step(rows, tokens)` appends one token to each of
    the rows still open and returns their next logits.
    """
    written = [Written() for _ in range(len(first))]
    rows, logits = list(range(len(first))), first
    for count in range(1, decoding.max_new_tokens + 1):
        picked = dict(zip(rows, sampler.pick(rows, logits), strict=True))
        for row in rows:
            written[row].ended = picked[row] in decoding.stop_ids
        rows = [row for row in rows if not written[row].ended]
        for row in rows:
            written[row].ids.append(picked[row])
        if not rows or count == decoding.max_new_tokens:
            break
        logits = step(rows, [picked[row] for row in rows])
    return written
