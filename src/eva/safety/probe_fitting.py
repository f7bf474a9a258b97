"""Fitting of the probe: on labelled messages, and on ordinary talk that nobody has labelled.

The labelled messages are invented. Seekers in real support write differently, and a probe that has never
read them flags their sadness. So their messages are fitted as harmless ones, and bound how often the probe
may refer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eva.artifacts import digest_path
from eva.models.sentence_encoder import SentenceEncoder
from eva.safety.labelled_messages import TEST, Labelled
from eva.safety.probe_detector import FILE, ProbeDetector, texts_of
from eva.safety.rule_detector import RuleDetector
from eva.stored_tensors import store

if TYPE_CHECKING:
    import torch

SENSITIVITY = 0.9  # of messages about danger, that the threshold gives where ordinary talk allows it
_FOLDS = 5
_PENALTY = 0.5  # L2 on weights of embeddings of length 1, for the summed loss: scikit-learn's C = 1

Floats = NDArray[np.float64]
Conversation = Sequence[str]  # one person's messages, oldest first


@dataclass(frozen=True)
class Examples:
    """Embedded texts; `talk` numbers the ordinary conversation that a text is from, -1 for labelled ones."""

    vectors: NDArray[np.float32]
    refer: NDArray[np.bool_]
    talk: NDArray[np.int64]

    @property
    def weights(self) -> Floats:
        """1 for a labelled message; ordinary talk together weighs as much as the labelled harmless ones.

        So the balance is the same for a small corpus and for a large one.
        """
        ordinary = self.talk >= 0
        share = (~ordinary & ~self.refer).sum() / max(1, ordinary.sum())
        return np.where(ordinary, min(1.0, share), 1.0)

    @property
    def folds(self) -> NDArray[np.int64]:
        """The fold of each text; a conversation is in one fold as a whole."""
        return np.where(self.talk >= 0, self.talk, np.arange(len(self.talk))) % _FOLDS


def train_probe(
    messages: Sequence[Labelled],
    conversations: Sequence[Conversation],
    referred: float,
    encoder: Path,
    folder: Path,
) -> ProbeDetector:
    """Fit a probe, choose its threshold, and store it in `folder`.

    The threshold is the highest score that `SENSITIVITY` of the dangerous messages reach, or the lowest that
    at most the share `referred` of the conversations reach, whichever is higher; each text is scored by a
    probe that was fitted without its fold.

    Args:
        messages: labelled ones; those of the last part are not used.
        conversations: ordinary talk; those in which the rules find something may be about danger, and are
            left out.
        referred: share of the conversations that the probe may refer.
        encoder: the folder of the encoder.
        folder: where the probe is stored.
    """
    import torch

    reader, rules = SentenceEncoder(encoder), RuleDetector()
    quiet = [said for said in conversations if rules.find(said) is None]
    examples = _examples([one for one in messages if one.part != TEST], quiet, reader)
    weight, bias = _fitted(examples, np.ones(len(examples.refer), dtype=bool))
    threshold = torch.tensor(_threshold(examples, referred), dtype=torch.float64)
    weights = {"weight": weight, "bias": bias, "threshold": threshold}
    store(folder / FILE, weights, digest_path(encoder))
    return ProbeDetector(reader, weights)


def _examples(known: Sequence[Labelled], quiet: Sequence[Conversation], reader: SentenceEncoder) -> Examples:
    talk = [(number, text) for number, said in enumerate(quiet) for text in texts_of(said)]
    return Examples(
        vectors=reader.embed([*(one.text for one in known), *(text for _, text in talk)]),
        refer=np.array([*(one.refer for one in known), *(False for _ in talk)]),
        talk=np.array([*(-1 for _ in known), *(number for number, _ in talk)]),
    )


def _threshold(examples: Examples, referred: float) -> float:
    scores = _out_of_fold(examples)
    talk = examples.talk
    worst = np.array([scores[talk == number].max() for number in np.unique(talk[talk >= 0])])
    return max(reached_by(scores[examples.refer], SENSITIVITY), above_all_but(worst, referred))


def reached_by(scores: Floats, share: float) -> float:
    """The highest threshold that at least this share of the scores reach."""
    ordered = np.sort(scores)[::-1]
    return float(ordered[int(np.ceil(share * len(ordered))) - 1])


def above_all_but(scores: Floats, share: float) -> float:
    """The lowest threshold that at most this share of the scores reach."""
    ordered = np.sort(scores)[::-1]
    spared = int(share * len(ordered))
    return float(np.nextafter(ordered[spared], np.inf)) if spared < len(ordered) else -np.inf


def _out_of_fold(examples: Examples) -> Floats:
    """The score of each text by a probe fitted on the other folds."""
    scores, folds = np.zeros(len(examples.refer)), examples.folds
    for number in range(_FOLDS):
        own = folds == number
        weight, bias = _fitted(examples, ~own)
        scores[own] = examples.vectors[own].astype(np.float64) @ weight.numpy() + float(bias)
    return scores


def _fitted(examples: Examples, used: NDArray[np.bool_]) -> "tuple[torch.Tensor, torch.Tensor]":
    """Weight [hidden] and bias of the log-odds, in float64 so that every machine finds the same optimum."""
    import torch

    inputs = torch.from_numpy(examples.vectors[used]).double()
    target = torch.from_numpy(examples.refer[used]).double()
    counts = torch.from_numpy(examples.weights[used])
    weight = torch.zeros(inputs.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        fit = torch.nn.functional.binary_cross_entropy_with_logits(
            inputs @ weight + bias, target, weight=counts, reduction="sum"
        )
        penalised: torch.Tensor = fit + _PENALTY * weight.square().sum()
        penalised.backward()  # type: ignore[no-untyped-call]
        return penalised

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()
