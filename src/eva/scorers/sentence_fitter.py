"""Fitting the two linear layers of a sentence scorer on a pretrained encoder.

The encoder embeds every sentence once, for all folds. The response layer is fitted on out-of-fold predictions
of the sentence layer: predictions on its own training sentences would be too confident.
"""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eva.devices import decide, seeded
from eva.scorers.cross_validation import assign_folds
from eva.scorers.encoding import Text, encode
from eva.scorers.kept_parts import Kept
from eva.scorers.reading import Reading
from eva.scorers.regression import class_weights, fit_layer
from eva.scorers.sentence_scorer import SentenceScorer, from_encoder
from eva.scorers.sentences import cues, marked, sentences
from eva.settings.scorer_section import Scorer

log = logging.getLogger(__name__)

_FOLDS = 3  # for out-of-fold predictions of the sentences
# L2 on standardised features (see regression). The sentence layer's outputs are a few columns among
# hundreds, so they get a smaller penalty.
_SENTENCE_PENALTY = 50.0
_POOLED_PENALTY = 250.0
_FOUND_PENALTY = 10.0


@dataclass(frozen=True)
class Pair:
    """A post, a response and the rationales of its degree; pairs of one `group` are in the same fold."""

    post: str
    response: str
    rationales: Sequence[str]
    group: str


@dataclass(frozen=True)
class Features:
    """The embeddings of some pairs, as arguments of `SentenceScorer.forward`."""

    sentences: torch.Tensor
    owner: torch.Tensor
    posts: torch.Tensor

    def of(self, indices: Sequence[int]) -> tuple["Features", torch.Tensor]:
        """The features of the pairs `indices` in this order, and the indices of their sentences."""
        counts = torch.bincount(self.owner, minlength=len(self.posts))
        ends = counts.cumsum(0)
        places = torch.cat([torch.arange(int(ends[i] - counts[i]), int(ends[i])) for i in indices])
        owner = torch.arange(len(indices)).repeat_interleave(counts[list(indices)])
        return Features(self.sentences[places], owner, self.posts[list(indices)]), places


@dataclass(frozen=True)
class SentenceClassifier:
    """A sentence scorer in memory with its tokenizer."""

    model: SentenceScorer
    tokenizer: Any
    max_length: int
    reading: Reading

    def predict(self, texts: Sequence[Text]) -> NDArray[np.float64]:
        """Class probabilities [texts, labels] in the order of `texts`; a text without post has an empty one.

        Every sentence and the post are truncated to their first `max_length` tokens.
        """
        if not texts:
            return np.zeros((0, self.model.config.num_labels))
        pairs = [("", text) if isinstance(text, str) else text for text in texts]
        return _judge(self.model, _features(self.reading, self.tokenizer, pairs, self.max_length))


class SentenceFitter:
    """Fits sentence scorers on subsets of the same pairs, all on the same pretrained encoder."""

    def __init__(
        self,
        encoder_dir: Path,
        pairs: Sequence[Pair],
        n_labels: int,
        settings: Scorer,
        kept: Kept | None = None,
    ) -> None:
        """Load the encoder and embed all pairs, unless `kept` has them from before an interruption."""
        from transformers import AutoTokenizer

        self.settings, self.n_labels = settings, n_labels
        compute = decide(settings.precision, "scorer precision")
        self._tokenizer = AutoTokenizer.from_pretrained(encoder_dir)
        with seeded(settings.seed):
            model = from_encoder(encoder_dir, n_labels)
        self._reading = Reading(model, self._tokenizer, compute)
        texts = [(pair.post, pair.response) for pair in pairs]
        read = lambda: vars(_features(self._reading, self._tokenizer, texts, settings.max_length))  # noqa: E731
        self._features = Features(**(kept or Kept()).part("sentences", read))
        self._marked = torch.tensor(
            [mark for pair in pairs for mark in marked(sentences(pair.response), pair.rationales)]
        )
        self._groups = [pair.group for pair in pairs]

    def fit(self, labels: Sequence[int], indices: Sequence[int], title: str) -> SentenceClassifier:
        """Fit on the pairs `indices`; pair i has degree `labels[i]`. `title` names the run in the log."""
        # Each fit has its own layers; the encoder is shared.
        untouched = self._reading.model
        model = copy.deepcopy(untouched, {id(untouched.encoder): untouched.encoder})
        features, places = self._features.of(indices)
        degrees = torch.tensor([labels[i] for i in indices])
        target = degrees[features.owner] * self._marked[places]
        fold = assign_folds(degrees.tolist(), [self._groups[i] for i in indices], _FOLDS, self.settings.seed)
        logits = self._out_of_fold(model, features, target, torch.from_numpy(fold)[features.owner])
        read = model.evidence(logits, features.sentences, features.owner, features.posts)
        self._fit_sentences(model, features.sentences, target)
        penalty = torch.full((read.shape[1],), _POOLED_PENALTY)
        penalty[: model.found] = _FOUND_PENALTY
        fit_layer(model.response_layer, read, degrees, self._weights(degrees), penalty)
        log.info("%s: fitted on %d responses, %d sentences", title, len(degrees), len(target))
        return SentenceClassifier(model, self._tokenizer, self.settings.max_length, self._reading)

    def probabilities(self, classifier: SentenceClassifier, indices: Sequence[int]) -> NDArray[np.float64]:
        """Class probabilities of the pairs `indices`."""
        return _judge(classifier.model, self._features.of(indices)[0])

    def _out_of_fold(
        self, model: SentenceScorer, features: Features, target: torch.Tensor, fold: torch.Tensor
    ) -> torch.Tensor:
        logits = torch.zeros(len(target), self.n_labels)
        for number in range(_FOLDS):
            held_out = fold == number
            self._fit_sentences(model, features.sentences[~held_out], target[~held_out])
            logits[held_out] = model.sentence_layer(features.sentences[held_out]).detach()
        return logits

    def _fit_sentences(self, model: SentenceScorer, read: torch.Tensor, target: torch.Tensor) -> None:
        fit_layer(model.sentence_layer, read, target, self._weights(target), _SENTENCE_PENALTY)

    def _weights(self, target: torch.Tensor) -> torch.Tensor:
        return class_weights(target, self.n_labels, self.settings.balance)


def _judge(model: SentenceScorer, given: Features) -> NDArray[np.float64]:
    with torch.inference_mode():
        logits = model(given.sentences, given.owner, given.posts).logits
    probabilities: NDArray[np.float64] = logits.double().softmax(-1).numpy()
    return probabilities


def _features(
    reading: Reading, tokenizer: Any, pairs: Sequence[tuple[str, str]], max_length: int
) -> Features:
    split = [sentences(response) for _, response in pairs]
    parts = [part for one in split for part in one]
    # Posts come with several responses, and "Hope you are well." with many posts.
    texts = list(dict.fromkeys([*parts, *(post for post, _ in pairs)]))
    place = {text: i for i, text in enumerate(texts)}
    embedded = reading.of(encode(tokenizer, texts, max_length), "encoder reads")
    said = torch.cat([embedded[[place[part] for part in parts]], torch.tensor([cues(p) for p in parts])], 1)
    posts = embedded[[place[post] for post, _ in pairs], embedded.shape[1] // 2 :]
    owner = torch.arange(len(pairs)).repeat_interleave(torch.tensor([len(one) for one in split]))
    return Features(said, owner, posts)
