"""Fine-tuning an encoder to label responses."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from eva.artifacts import fingerprint
from eva.compat.transformers_hooks import attention_of
from eva.devices import Decision, autocast, best_device, decide, seeded
from eva.scorers.encoding import Encoded, Text, by_length, collate, encode
from eva.scorers.kept_parts import Kept, Tensors
from eva.scorers.progress import Progress
from eva.scorers.regression import class_weights
from eva.scorers.response_classifier import ResponseClassifier, from_encoder
from eva.settings.scorer_section import Encoder

_INFERENCE_BATCH = 64
_LAYER_PACE = 20.0  # learning rate of the linear layer, which is new, relative to the encoder's
_WEIGHT_DECAY = 0.01
_GRADIENT_NORM = 1.0
_WARMUP = 0.1


@dataclass(frozen=True)
class Classifier:
    """A model in memory with its tokenizer."""

    model: ResponseClassifier
    tokenizer: Any
    max_length: int
    compute: Decision

    def predict(self, texts: Sequence[Text]) -> NDArray[np.float64]:
        """Class probabilities [texts, labels] in the order of `texts`."""
        return _probabilities(self, encode(self.tokenizer, texts, self.max_length))


class Fitter:
    """Trains classifiers on subsets of the same rows, each starting from the same pretrained encoder."""

    def __init__(
        self,
        encoder_dir: Path,
        texts: Sequence[Text],
        n_labels: int,
        settings: Encoder,
        kept: Kept | None = None,
    ) -> None:
        """Load the encoder; finished fits are stored in `kept`, so that an interruption loses none."""
        from transformers import AutoTokenizer

        self.settings, self.n_labels, self._kept = settings, n_labels, kept or Kept()
        self.compute = decide(settings.precision, "scorer precision")
        self._tokenizer = AutoTokenizer.from_pretrained(encoder_dir)
        with seeded(settings.seed):
            self._untouched = from_encoder(encoder_dir, n_labels, settings.layers).to(best_device())
        self._rows = encode(self._tokenizer, texts, settings.max_length)

    def fit(self, labels: Sequence[int], indices: Sequence[int], title: str) -> Classifier:
        """Train on the rows `indices`; row i has label `labels[i]`. `title` names the run in the log."""
        model = copy.deepcopy(self._untouched)
        name = f"fit-{fingerprint([list(labels), list(indices)])}"
        model.load_state_dict(self._kept.part(name, lambda: self._trained(model, labels, indices, title)))
        return Classifier(model.eval(), self._tokenizer, self.settings.max_length, self.compute)

    def _trained(
        self, model: ResponseClassifier, labels: Sequence[int], indices: Sequence[int], title: str
    ) -> Tensors:
        rows, target = [self._rows[i] for i in indices], torch.tensor([labels[i] for i in indices])
        weights = class_weights(target, self.n_labels, self.settings.balance)
        with seeded(self.settings.seed), _attention_for_training(model):
            _Run(model, self._tokenizer, self.settings, self.compute, title).train(rows, target, weights)
        state: Tensors = model.state_dict()
        return state

    def probabilities(self, classifier: Classifier, indices: Sequence[int]) -> NDArray[np.float64]:
        """Class probabilities of the rows `indices`."""
        return _probabilities(classifier, [self._rows[i] for i in indices])


@dataclass(frozen=True)
class _Run:
    """One fine-tuning run: AdamW, linear warm-up and decay."""

    model: ResponseClassifier
    tokenizer: Any
    settings: Encoder
    compute: Decision
    title: str

    def train(self, rows: Sequence[Encoded], target: torch.Tensor, weights: torch.Tensor) -> None:
        device, optimizer = best_device(), self._optimizer()
        steps = max(1, round(self.settings.epochs * -(-len(rows) // self.settings.batch_size)))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, steps))
        progress, total = Progress(self.title, steps), 0.0
        self.model.train()
        for step, batch in enumerate(_batches(rows, self.settings, steps), start=1):
            with autocast(self.compute):
                logits = self.model(**collate([rows[i] for i in batch], self.tokenizer, device)).logits
            loss = cross_entropy(logits.float(), target[batch].to(device), weights.to(device))
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), _GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            total += loss.item()
            progress.log(step, f"mean loss {total / step:.3f}")

    def _optimizer(self) -> torch.optim.Optimizer:
        for part in self.model.encoder.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = self.settings.dropout
        groups: list[dict[str, Any]] = [
            {"params": [*self.model.encoder.parameters()]},
            {"params": [*self.model.classifier.parameters()], "lr": _LAYER_PACE * self.settings.lr},
        ]
        return torch.optim.AdamW(groups, lr=self.settings.lr, weight_decay=_WEIGHT_DECAY, fused=True)


def _pace(step: int, steps: int) -> float:
    """Learning rate at a step, as a share of the maximum: linear warm-up, then linear decay to zero."""
    warm = max(1, round(_WARMUP * steps))
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm))


def _batches(rows: Sequence[Encoded], settings: Encoder, steps: int) -> Iterator[list[int]]:
    """Row indices of `steps` batches in random order; a batch holds texts of similar length."""
    generator = np.random.default_rng(settings.seed)
    lengths = np.array([len(row.input_ids) for row in rows], dtype=float)
    given = 0
    while given < steps:
        # Random factors on the lengths make batches differ from one epoch to the next.
        order = np.argsort(lengths * generator.uniform(0.8, 1.25, len(rows)), kind="stable")
        starts = np.arange(0, len(rows), settings.batch_size)
        generator.shuffle(starts)
        for start in starts[: steps - given]:
            given += 1
            yield order[start : start + settings.batch_size].tolist()


def _probabilities(classifier: Classifier, rows: Sequence[Encoded]) -> NDArray[np.float64]:
    """Class probabilities [rows, labels] in the order of `rows`."""
    model = classifier.model.eval()
    found = np.zeros((len(rows), model.config.num_labels))
    for batch in by_length(rows, _INFERENCE_BATCH):
        with torch.inference_mode(), autocast(classifier.compute):
            logits = model(**collate([rows[i] for i in batch], classifier.tokenizer, model.device)).logits
        found[batch] = logits.double().softmax(-1).cpu().numpy()
    return found


@contextmanager
def _attention_for_training(model: ResponseClassifier) -> Iterator[None]:
    """Eager attention on a CPU, where the backward pass of the fused kernel is very slow."""
    before = attention_of(model.encoder)
    if best_device().type == "cpu":
        model.encoder.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.encoder.set_attn_implementation(before)
