"""A sequence classifier that reads a response in its context, and judges the response.

An ordinary Hugging Face model class: an encoder, its hidden states pooled over the response's tokens
only, one linear layer. The stock heads read the first token through a pooler, which sentence
encoders such as MiniLM never trained; pooling needs no new weights but the linear layer, so it also
learns from a few hundred rows. The extremes stand beside the mean because one word in a long response
can decide its label. The context still reaches the response through attention.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput

_BEYOND = 1e4  # no hidden state comes near


class ResponseClassifierConfig(PreTrainedConfig):  # type: ignore[misc]
    """The encoder's own configuration, nested; `num_labels` and the rest are the usual fields."""

    model_type = "eva_response_classifier"

    def __init__(self, encoder: dict[str, Any] | None = None, dropout: float = 0.1, **kwargs: Any) -> None:
        self.encoder = encoder or {}
        self.dropout = dropout
        super().__init__(**kwargs)


class ResponseClassifier(PreTrainedModel):  # type: ignore[misc]
    """Encoder, mean and extremes over the response, linear layer."""

    config_class = ResponseClassifierConfig
    base_model_prefix = "encoder"

    def __init__(self, config: ResponseClassifierConfig) -> None:
        super().__init__(config)
        self.encoder = without_pooler(AutoModel.from_config(AutoConfig.for_model(**config.encoder)))
        self.dropout = torch.nn.Dropout(config.dropout)
        self.classifier = torch.nn.Linear(3 * self.encoder.config.hidden_size, config.num_labels)
        self.post_init()

    def pool(self, response_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Mean, maximum and minimum of the hidden states that `response_mask` marks: [batch, 3 hidden]."""
        hidden = self.encoder(**inputs).last_hidden_state.float()
        inside = response_mask.unsqueeze(-1).bool()
        mean = (hidden * inside).sum(1) / inside.sum(1).clamp(min=1)
        highest = hidden.masked_fill(~inside, -_BEYOND).amax(1)
        lowest = hidden.masked_fill(~inside, _BEYOND).amin(1)
        pooled = torch.cat([mean, highest, lowest], dim=1)
        # A response of no token at all has no extremes.
        return pooled * inside.any(1)

    def forward(
        self,
        attention_mask: torch.Tensor,
        response_mask: torch.Tensor | None = None,
        **inputs: torch.Tensor,
    ) -> SequenceClassifierOutput:
        """Logits [batch, num_labels]; without `response_mask` the whole text is the response."""
        mask = attention_mask if response_mask is None else response_mask
        pooled = self.pool(mask, attention_mask=attention_mask, **inputs)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled)))


def from_encoder(folder: Path, n_labels: int, layers: int | None = None) -> ResponseClassifier:
    """A fresh classifier over the encoder's weights in `folder`, of which the first `layers` are kept."""
    encoder = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    if layers is not None:
        _keep_layers(encoder, layers)
    config = ResponseClassifierConfig(encoder=encoder.config.to_dict(), num_labels=n_labels)
    model = ResponseClassifier(config)
    model.encoder = without_pooler(encoder)
    return model


def layer_stack(encoder: Any) -> tuple[str, torch.nn.ModuleList]:
    """The encoder's layers from below, and their name within it."""
    depth = encoder.config.num_hidden_layers
    found = (
        (name, part)
        for name, part in encoder.named_modules()
        if isinstance(part, torch.nn.ModuleList) and len(part) == depth
    )
    return next(found)


def _keep_layers(encoder: Any, layers: int) -> None:
    _, stack = layer_stack(encoder)
    del stack[layers:]
    encoder.config.num_hidden_layers = len(stack)


def without_pooler(encoder: Any) -> Any:
    """The encoder without its pooler, which nothing here reads."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder


AutoConfig.register(ResponseClassifierConfig.model_type, ResponseClassifierConfig)
AutoModelForSequenceClassification.register(ResponseClassifierConfig, ResponseClassifier)
