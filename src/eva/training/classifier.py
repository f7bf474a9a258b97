"""Fine-tuning an encoder to label responses, and grouped cross-validation of it.

The linear layer is first fitted alone on the untouched encoder (a logistic regression, one pass over
the rows), then everything but the embeddings is trained together. Starting from a fitted head keeps
the first updates from tearing up what the encoder knows (Kumar et al., 2022, arXiv:2202.10054),
which decides the outcome when a class has a dozen rows.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eva.errors import InputError
from eva.models.response_classifier import ResponseClassifier, from_encoder
from eva.settings import Encoder

log = logging.getLogger(__name__)

Text = str | tuple[str, str]  # a response, or (context, response)
Array = NDArray[Any]

_INFERENCE_BATCH = 64
_HEAD_PENALTY = 50.0  # L2 on the standardised head against the summed loss (C = 0.01)
_WEIGHT_DECAY = 0.01
_GRADIENT_NORM = 1.0
_WARMUP = 0.1


@dataclass(frozen=True)
class Encoded:
    """One tokenised text; `response` marks the tokens that are pooled."""

    input_ids: list[int]
    token_type_ids: list[int]
    response: list[int]


@dataclass(frozen=True)
class Classifier:
    """A model in memory with what it needs to read text."""

    model: ResponseClassifier
    tokenizer: Any
    max_length: int


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold probabilities [n, n_labels] and the fold that held each row out."""

    probabilities: Array
    fold: Array


def encode(tokenizer: Any, texts: Sequence[Text], max_length: int) -> list[Encoded]:
    """Tokenise; what does not fit costs the context its oldest part, then the response its end."""
    return [_encode_one(tokenizer, text, max_length) for text in texts]


def _encode_one(tokenizer: Any, text: Text, max_length: int) -> Encoded:
    paired = not isinstance(text, str)
    tokens = tokenizer(*([text] if isinstance(text, str) else text), verbose=False)
    segment = tokens.sequence_ids()
    context = [i for i, part in enumerate(segment) if part == 0 and paired]
    response = [i for i, part in enumerate(segment) if part == int(paired)]
    room = max_length - (len(segment) - len(context) - len(response))
    kept = min(len(response), max(room - len(context), room * 3 // 4))
    cut = {*context[: max(0, len(context) - room + kept)], *response[kept:]}
    keep = [i for i in range(len(segment)) if i not in cut]
    types = tokens.get("token_type_ids") or [0] * len(segment)
    return Encoded(
        [tokens["input_ids"][i] for i in keep],
        [types[i] for i in keep],
        [int(segment[i] == int(paired)) for i in keep],
    )


class Fitter:
    """Trains classifiers on subsets of the same rows, from the same untouched encoder."""

    def __init__(self, encoder_dir: Path, texts: Sequence[Text], n_labels: int, settings: Encoder) -> None:
        from transformers import AutoTokenizer

        self.encoder_dir, self.n_labels, self.settings = encoder_dir, n_labels, settings
        self.tokenizer = AutoTokenizer.from_pretrained(encoder_dir)
        self.rows = encode(self.tokenizer, texts, settings.max_length)
        self._features: torch.Tensor | None = None

    def fit(self, labels: Sequence[int], indices: Sequence[int], title: str) -> Classifier:
        """Train on the rows `indices`, whose labels are `labels[i]`."""
        with _seeded(self.settings.seed):
            model = from_encoder(self.encoder_dir, self.n_labels, self.settings.layers).to(_device())
            if self._features is None:
                self._features = _pooled(model, self.rows, self.tokenizer)
            target = torch.tensor([labels[i] for i in indices])
            weights = class_weights(target, self.n_labels, self.settings.balance)
            _fit_head(model, self._features[list(indices)], target, weights)
            _fine_tune(model, self.tokenizer, [self.rows[i] for i in indices], target, weights,
                       self.settings, title)
        return Classifier(model.eval(), self.tokenizer, self.settings.max_length)

    def probabilities(self, classifier: Classifier, indices: Sequence[int]) -> Array:
        """Class probabilities of the rows `indices`."""
        return _probabilities(classifier, [self.rows[i] for i in indices])


def class_weights(target: torch.Tensor, n_labels: int, power: float) -> torch.Tensor:
    """Loss weights (1 / class share) ** power, scaled to average 1 over the rows; absent classes get 0."""
    counts = torch.bincount(target, minlength=n_labels).float()
    weights = torch.where(counts > 0, counts.clamp(min=1).pow(-power), torch.zeros(()))
    return weights * counts.sum() / (weights * counts).sum()


def fit_encoder(
    encoder_dir: Path, texts: Sequence[Text], labels: Sequence[int], n_labels: int, settings: Encoder
) -> Classifier:
    """Train one classifier on all rows."""
    return Fitter(encoder_dir, texts, n_labels, settings).fit(labels, range(len(texts)), "all rows")


def cross_validate(
    fitter: Fitter, labels: Sequence[int], groups: Sequence[str], title: str
) -> CrossValidation:
    """Grouped, stratified k-fold: every row is predicted by a model that saw nothing of its group."""
    fold = assign_folds(labels, groups, fitter.settings.folds, fitter.settings.seed)
    probabilities = np.zeros((len(labels), fitter.n_labels))
    for number in range(fitter.settings.folds):
        name = f"{title}, fold {number + 1} of {fitter.settings.folds}"
        held_out = np.flatnonzero(fold == number).tolist()
        classifier = fitter.fit(labels, np.flatnonzero(fold != number).tolist(), name)
        probabilities[held_out] = fitter.probabilities(classifier, held_out)
    return CrossValidation(probabilities, fold)


def assign_folds(labels: Sequence[int], groups: Sequence[str], folds: int, seed: int) -> Array:
    """The fold, from 0, of every row: one per group, class shares as equal as they can be."""
    from sklearn.model_selection import StratifiedGroupKFold

    found = len(set(groups))
    if found < folds:
        raise InputError(
            f"{folds}-fold cross-validation needs at least {folds} groups (dialogues, or seeker posts) "
            f"and the data has {found}; lower `folds` or give more data"
        )
    fold = np.zeros(len(labels), dtype=int)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
        fold[held_out] = number
    return fold


def predict(classifier: Classifier, texts: Sequence[Text]) -> Array:
    """Class probabilities [n, n_labels] in the order of `texts`."""
    return _probabilities(classifier, encode(classifier.tokenizer, texts, classifier.max_length))


def _probabilities(classifier: Classifier, rows: Sequence[Encoded]) -> Array:
    model = classifier.model
    pooled = _pooled(model, rows, classifier.tokenizer)
    with torch.inference_mode():
        logits = model.classifier(pooled.to(model.classifier.weight.device))
    probabilities: Array = logits.double().softmax(-1).cpu().numpy()
    return probabilities


def _pooled(model: ResponseClassifier, rows: Sequence[Encoded], tokenizer: Any) -> torch.Tensor:
    """The pooled response of every row: [n, hidden] on the CPU. Similar lengths share a batch."""
    model.eval()
    features = torch.zeros(len(rows), model.classifier.in_features)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
    for start in range(0, len(order), _INFERENCE_BATCH):
        batch = order[start : start + _INFERENCE_BATCH]
        with torch.inference_mode(), _autocast():
            features[batch] = model.pool(**_collate([rows[i] for i in batch], tokenizer)).float().cpu()
    return features


def _fit_head(
    model: ResponseClassifier, features: torch.Tensor, target: torch.Tensor, weights: torch.Tensor
) -> None:
    """Weighted, L2-penalised multinomial regression on standardised features, folded into the layer."""
    mean, scale = features.mean(0), features.std(0).clamp(min=1e-6)
    inputs = ((features - mean) / scale).clone()
    head = torch.nn.Linear(inputs.shape[1], model.config.num_labels)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(head(inputs), target, weights)
        loss = loss + _HEAD_PENALTY / len(inputs) * head.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        folded = head.weight / scale
        model.classifier.weight.copy_(folded)
        model.classifier.bias.copy_(head.bias - folded @ mean)


def _fine_tune(
    model: ResponseClassifier, tokenizer: Any, rows: Sequence[Encoded], target: torch.Tensor,
    weights: torch.Tensor, settings: Encoder, title: str,
) -> None:
    model.encoder.get_input_embeddings().requires_grad_(False)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.lr, weight_decay=_WEIGHT_DECAY)
    per_epoch = -(-len(rows) // settings.batch_size)
    steps = max(1, round(settings.epochs * per_epoch))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, steps))
    weights, started, total = weights.to(_device()), time.monotonic(), 0.0
    model.train()
    for step, batch in enumerate(_batches(rows, settings, steps), start=1):
        with _autocast():
            logits = model(**_collate([rows[i] for i in batch], tokenizer)).logits
        loss = torch.nn.functional.cross_entropy(logits.float(), target[batch].to(_device()), weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, _GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        total += loss.item()
        if step % per_epoch == 0 or step == steps:
            log.info("%s: step %d of %d, mean loss %.3f, %.0f s", title, step, steps, total / step,
                     time.monotonic() - started)


def _pace(step: int, steps: int) -> float:
    """Linear warm-up, then linear decay to zero."""
    warm = max(1, round(_WARMUP * steps))
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm))


def _batches(rows: Sequence[Encoded], settings: Encoder, steps: int) -> Iterator[list[int]]:
    """Index lists for `steps` steps: shuffled, with texts of similar length together."""
    generator = np.random.default_rng(settings.seed)
    lengths = np.array([len(row.input_ids) for row in rows], dtype=float)
    while True:
        # A random stretch of each length keeps batches different from one epoch to the next.
        order = np.argsort(lengths * generator.uniform(0.8, 1.25, len(rows)))
        starts = np.arange(0, len(rows), settings.batch_size)
        generator.shuffle(starts)
        for start in starts:
            if steps == 0:
                return
            steps -= 1
            yield order[start : start + settings.batch_size].tolist()


def _collate(rows: Sequence[Encoded], tokenizer: Any) -> dict[str, torch.Tensor]:
    def padded(lists: list[list[int]], value: int) -> torch.Tensor:
        tensors = [torch.tensor(one) for one in lists]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value).to(_device())

    ids = [row.input_ids for row in rows]
    batch = {
        "input_ids": padded(ids, tokenizer.pad_token_id),
        "attention_mask": padded([[1] * len(one) for one in ids], 0),
        "response_mask": padded([row.response for row in rows], 0),
    }
    if "token_type_ids" in tokenizer.model_input_names:
        batch["token_type_ids"] = padded([row.token_type_ids for row in rows], 0)
    return batch


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _autocast() -> torch.autocast:
    return torch.autocast(_device().type, dtype=torch.bfloat16)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw from a generator seeded here, and leave the caller's as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
