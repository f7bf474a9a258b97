"""A scorer that judges a response sentence by sentence, given the post it answers.

A mechanism of empathy is usually in one sentence of a response, and EPITOME's annotators marked
which. One linear layer judges every sentence alone; a second judges the response by what the first
found, by its pooled sentences and by the post. The encoder stays as it is: what a sentence means is
read off its token states' means at two depths, since the last layer alone keeps the topic and loses
the wording.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from eva.scorers.response_classifier import masked_mean, without_pooler

_CUES = 2  # eva.scorers.sentences.cues


class SentenceScorerConfig(PreTrainedConfig):  # type: ignore[misc]
    """The encoder's own configuration, nested; `num_labels` and the rest are the usual fields."""

    model_type = "eva_sentence_scorer"

    def __init__(self, encoder: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.encoder = encoder or {}
        super().__init__(**kwargs)


class SentenceScorer(PreTrainedModel):  # type: ignore[misc]
    """Encoder, linear layer over sentences, linear layer over responses."""

    config_class = SentenceScorerConfig
    base_model_prefix = "encoder"

    def __init__(self, config: SentenceScorerConfig) -> None:
        super().__init__(config)
        self.encoder = without_pooler(AutoModel.from_config(AutoConfig.for_model(**config.encoder)))
        hidden, labels = self.encoder.config.hidden_size, config.num_labels
        self.found = 3 * labels + 1  # columns of `evidence` that come from the sentences' logits
        sentence = 2 * hidden + _CUES
        self.sentence_layer = torch.nn.Linear(sentence, labels)
        self.response_layer = torch.nn.Linear(self.found + 2 * sentence + hidden, labels)
        self.post_init()

    def embed(self, attention_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Mean token state two thirds of the way up, and of the last layer: [texts, 2 hidden]."""
        states = self.encoder(attention_mask=attention_mask, output_hidden_states=True, **inputs)
        upper = states.hidden_states[round(self.encoder.config.num_hidden_layers * 2 / 3)]
        means = [masked_mean(one, attention_mask) for one in (upper, states.last_hidden_state)]
        return torch.cat(means, dim=1)

    def evidence(
        self, logits: torch.Tensor, sentences: torch.Tensor, owner: torch.Tensor, posts: torch.Tensor
    ) -> torch.Tensor:
        """What the response layer reads, [responses, features].

        Of the sentences' `logits` [sentences, labels] the maximum, mean and log of summed exponentials,
        and how many sentences there are; mean and maximum of `sentences`; `posts`.
        """
        n = len(posts)
        counts = torch.bincount(owner, minlength=n).unsqueeze(1).float()
        top = _highest(logits, owner, n)
        above = torch.exp(logits - top[owner])
        parts = [top, _total(logits, owner, n) / counts, top + _total(above, owner, n).log(), counts.log1p()]
        pooled = [_total(sentences, owner, n) / counts, _highest(sentences, owner, n)]
        return torch.cat([*parts, *pooled, posts], dim=1)

    def forward(
        self, sentences: torch.Tensor, owner: torch.Tensor, posts: torch.Tensor
    ) -> SequenceClassifierOutput:
        """Logits [responses, num_labels].

        `sentences` [sentences, 2 hidden + 2] are embeddings with their cues, `owner` [sentences] is the
        response that each is of (all have one at least), `posts` [responses, hidden] the last layer's means.
        """
        read = self.evidence(self.sentence_layer(sentences), sentences, owner, posts)
        return SequenceClassifierOutput(logits=self.response_layer(read))


def from_encoder(folder: Path, n_labels: int) -> SentenceScorer:
    """A scorer over the encoder's weights in `folder`, whose two layers are still to be fitted."""
    encoder = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    model = SentenceScorer(SentenceScorerConfig(encoder=encoder.config.to_dict(), num_labels=n_labels))
    model.encoder = without_pooler(encoder)
    return model


def _total(values: torch.Tensor, owner: torch.Tensor, n: int) -> torch.Tensor:
    return values.new_zeros(n, values.shape[1]).index_add(0, owner, values)


def _highest(values: torch.Tensor, owner: torch.Tensor, n: int) -> torch.Tensor:
    index = owner.unsqueeze(1).expand_as(values)
    lowest = values.new_full((n, values.shape[1]), -torch.inf)
    return lowest.scatter_reduce(0, index, values, "amax")


AutoConfig.register(SentenceScorerConfig.model_type, SentenceScorerConfig)
