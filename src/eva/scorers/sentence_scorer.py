"""A scorer that classifies a response from its sentences and the post that it answers.

A mechanism of empathy is usually in one sentence of a response, which EPITOME's annotators marked. One linear
layer classifies every sentence; a second classifies the response from the outputs of the first, the pooled
sentence embeddings and the post. The encoder is not fine-tuned. A sentence is represented by the means of its
hidden states at two depths, since the last layer mainly keeps the topic and loses the wording.
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
        self.found = 3 * labels + 1  # number of columns of `evidence` computed from the sentences' logits
        sentence = 2 * hidden + _CUES
        self.sentence_layer = torch.nn.Linear(sentence, labels)
        self.response_layer = torch.nn.Linear(self.found + 2 * sentence + hidden, labels)
        self.post_init()

    def embed(self, attention_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Mean hidden state at two thirds of the layers, and of the last layer: [texts, 2 hidden]."""
        inputs.pop("response_mask", None)  # all tokens of a sentence are used
        states = self.encoder(attention_mask=attention_mask, output_hidden_states=True, **inputs)
        upper = states.hidden_states[round(self.encoder.config.num_hidden_layers * 2 / 3)]
        means = [masked_mean(one, attention_mask) for one in (upper, states.last_hidden_state)]
        return torch.cat(means, dim=1)

    def evidence(
        self, logits: torch.Tensor, sentences: torch.Tensor, owner: torch.Tensor, posts: torch.Tensor
    ) -> torch.Tensor:
        """The inputs of the response layer [responses, features].

        The maximum, mean and log-sum-exp of the sentences' `logits` [sentences, labels], the number of
        sentences, the mean and maximum of `sentences`, and `posts`.
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

        `sentences` [sentences, 2 hidden + 2] are embeddings with cues, `owner` [sentences] the index of each
        one's response (every response has at least one), `posts` [responses, hidden] the last layer's means.
        """
        read = self.evidence(self.sentence_layer(sentences), sentences, owner, posts)
        return SequenceClassifierOutput(logits=self.response_layer(read))


def from_encoder(folder: Path, n_labels: int) -> SentenceScorer:
    """A scorer on the pretrained encoder in `folder`; its two linear layers are not fitted yet."""
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
