"""A trained detector: logistic regression on the embeddings of an encoder that is not fine-tuned."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from eva.artifacts import digest_path
from eva.errors import InputError
from eva.models.sentence_encoder import SentenceEncoder
from eva.safety.detector import Finding
from eva.safety.labelled_messages import TEST, Labelled
from eva.stored_tensors import store, stored

if TYPE_CHECKING:
    import torch

FILE = "probe.safetensors"
SENSITIVITY = 0.9  # at which the threshold is set
_FOLDS = 5
_PENALTY = 0.5  # L2 on weights of embeddings of length 1, for the summed loss: scikit-learn's C = 1


class ProbeDetector:
    """Flags a message, or two consecutive ones as one, whose score reaches the threshold."""

    name = "probe"

    def __init__(self, encoder: SentenceEncoder, weights: "dict[str, torch.Tensor]") -> None:
        self._encoder = encoder
        self._weight, self._bias = weights["weight"].numpy(), float(weights["bias"])
        self.threshold = float(weights["threshold"])

    @classmethod
    def load(cls, folder: Path, encoder: Path) -> Self:
        """The probe in `folder`, for the encoder folder that it was fitted on.

        Raises:
            InputError: there is no probe, it is damaged, or it was fitted on another encoder.
        """
        again = "run `dvc repro crisis_detector`"
        if not (folder / FILE).is_file():
            raise InputError(f"{folder / FILE}: there is no trained detector; {again}, or use `rules`")
        weights = stored(folder / FILE, digest_path(encoder))
        if weights is None:
            raise InputError(f"{folder / FILE}: it is damaged, or was fitted on another encoder; {again}")
        return cls(SentenceEncoder(encoder), weights)

    def find(self, said: Sequence[str]) -> Finding | None:
        return self.find_each([said])[0]

    def find_each(self, conversations: Sequence[Sequence[str]]) -> list[Finding | None]:
        texts = [[*said, *(" ".join(pair) for pair in pairwise(said))] for said in conversations]
        flat = [text for own in texts for text in own]
        flags = iter(self.scores(flat) >= self.threshold)
        return [_finding(any([next(flags) for _ in own])) for own in texts]

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Log-odds that a model must not reply to each text."""
        if not texts:
            return np.zeros(0)
        found: NDArray[np.float64] = self._encoder.embed(texts).astype(np.float64) @ self._weight + self._bias
        return found


def train_probe(messages: Sequence[Labelled], encoder: Path, folder: Path) -> ProbeDetector:
    """Fit a probe on all messages but those of the last part, choose its threshold, and store it in `folder`.

    The threshold is the highest score that `SENSITIVITY` of the dangerous messages reach, each scored by a
    probe that was fitted without its fold.
    """
    import torch

    reader = SentenceEncoder(encoder)
    known = [one for one in messages if one.part != TEST]
    vectors, refer = reader.embed([one.text for one in known]), np.array([one.refer for one in known])
    weight, bias = _fitted(vectors, refer)
    threshold = torch.tensor(_threshold(_out_of_fold(vectors, refer)[refer]), dtype=torch.float64)
    weights = {"weight": weight, "bias": bias, "threshold": threshold}
    store(folder / FILE, weights, digest_path(encoder))
    return ProbeDetector(reader, weights)


def _out_of_fold(vectors: NDArray[np.float32], refer: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The score of each message by a probe fitted on the other folds."""
    fold, scores = np.arange(len(refer)) % _FOLDS, np.zeros(len(refer))
    for number in range(_FOLDS):
        own = fold == number
        weight, bias = _fitted(vectors[~own], refer[~own])
        scores[own] = vectors[own].astype(np.float64) @ weight.numpy() + float(bias)
    return scores


def _fitted(vectors: NDArray[np.float32], refer: NDArray[np.bool_]) -> "tuple[torch.Tensor, torch.Tensor]":
    """Weight [hidden] and bias of the log-odds, in float64 so that every machine finds the same optimum."""
    import torch

    inputs, target = torch.from_numpy(vectors).double(), torch.from_numpy(refer).double()
    weight = torch.zeros(inputs.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        fit = torch.nn.functional.binary_cross_entropy_with_logits(
            inputs @ weight + bias, target, reduction="sum"
        )
        penalised: torch.Tensor = fit + _PENALTY * weight.square().sum()
        penalised.backward()  # type: ignore[no-untyped-call]
        return penalised

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


def _threshold(danger: NDArray[np.float64]) -> float:
    """The highest score that at least `SENSITIVITY` of the scores of dangerous messages reach."""
    ordered = np.sort(danger)[::-1]
    return float(ordered[int(np.ceil(SENSITIVITY * len(ordered))) - 1])


def _finding(flagged: bool) -> Finding | None:
    return Finding("danger", "probe") if flagged else None
