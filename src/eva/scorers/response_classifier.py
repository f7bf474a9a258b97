"""A sequence classifier for a response in its context.

An ordinary Hugging Face model class: an encoder, the mean of its hidden states over the tokens of the
response, and one linear layer. The standard heads use the first token and a pooler, which sentence encoders
such as MiniLM never trained; a mean adds no weights except the linear layer. The context still affects the
response's states through attention.
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


class ResponseClassifierConfig(PreTrainedConfig):  # type: ignore[misc]
    """The encoder's own configuration, nested; `num_labels` and the rest are the usual fields."""

    model_type = "eva_response_classifier"

    def __init__(self, encoder: dict[str, Any] | None = None, dropout: float = 0.1, **kwargs: Any) -> None:
        self.encoder = encoder or {}
        self.dropout = dropout
        super().__init__(**kwargs)


class ResponseClassifier(PreTrainedModel):  # type: ignore[misc]
    """Encoder, mean over the response, linear layer."""

    config_class = ResponseClassifierConfig
    base_model_prefix = "encoder"

    def __init__(self, config: ResponseClassifierConfig) -> None:
        super().__init__(config)
        self.encoder = without_pooler(AutoModel.from_config(AutoConfig.for_model(**config.encoder)))
        self.dropout = torch.nn.Dropout(config.dropout)
        self.classifier = torch.nn.Linear(self.encoder.config.hidden_size, config.num_labels)
        self.post_init()

    def pool(self, response_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Mean of the hidden states of the tokens in `response_mask`, 0 if it is empty: [batch, hidden]."""
        return masked_mean(self.encoder(**inputs).last_hidden_state, response_mask)

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
    """A new classifier on the pretrained encoder in `folder`, with its first `layers` layers (None: all)."""
    encoder = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    if layers is not None:
        keep_layers(encoder, layers)
    config = ResponseClassifierConfig(encoder=encoder.config.to_dict(), num_labels=n_labels)
    model = ResponseClassifier(config)
    model.encoder = without_pooler(encoder)
    return model


def masked_mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean of `states` [batch, tokens, hidden] over the tokens in `mask`, 0 if it is empty."""
    inside = mask.unsqueeze(-1).float()
    mean: torch.Tensor = (states.float() * inside).sum(1) / inside.sum(1).clamp(min=1)
    return mean


def keep_layers(encoder: Any, layers: int) -> None:
    """Drop the encoder's layers above the first `layers`."""
    depth = encoder.config.num_hidden_layers
    stack = next(
        part for part in encoder.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == depth
    )
    del stack[layers:]
    encoder.config.num_hidden_layers = len(stack)
    if getattr(encoder.config, "layer_types", None):
        encoder.config.layer_types = encoder.config.layer_types[:layers]


def without_pooler(encoder: Any) -> Any:
    """The encoder without its pooler, which is not used."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder


AutoConfig.register(ResponseClassifierConfig.model_type, ResponseClassifierConfig)
AutoModelForSequenceClassification.register(ResponseClassifierConfig, ResponseClassifier)
