"""A linear probe: one linear layer on the hidden states of a pretrained model, which is not fine-tuned.

The middle layers of a language model represent best what an utterance does (asks, mirrors, advises); its
last layers specialise on the next token. The probe therefore uses mean hidden states at three depths
(probes: Alain and Bengio 2016, arXiv:1610.01644).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from eva.scorers.response_classifier import keep_layers, masked_mean, without_pooler

_DEPTHS = (1 / 3, 3 / 5, 13 / 15)  # of the model's layers


class LinearProbeConfig(PreTrainedConfig):  # type: ignore[misc]
    """The probed model's own configuration, nested, and the numbers, from 1, of the layers that are used.

    Layers above the last of them are removed, so its output passes through the model's final norm. `heads` is
    the number of linear layers on the same states: one per fold.
    """

    model_type = "eva_linear_probe"

    def __init__(
        self,
        encoder: dict[str, Any] | None = None,
        depths: Sequence[int] = (),
        heads: int = 1,
        **kwargs: Any,
    ) -> None:
        self.encoder = encoder or {}
        self.depths = list(depths)
        self.heads = heads
        super().__init__(**kwargs)


class LinearProbe(PreTrainedModel):  # type: ignore[misc]
    """Pretrained model, means over the response at several depths, linear layers."""

    config_class = LinearProbeConfig
    base_model_prefix = "encoder"
    _keep_in_fp32_modules_strict = ("classifier",)

    def __init__(self, config: LinearProbeConfig, encoder: Any = None) -> None:
        super().__init__(config)
        if encoder is None:
            encoder = AutoModel.from_config(AutoConfig.for_model(**config.encoder))
        self.encoder = without_pooler(encoder)
        width = len(config.depths) * self.encoder.config.hidden_size
        self.classifier = torch.nn.Linear(width, config.heads * config.num_labels, dtype=torch.float32)
        self.post_init()

    def embed(self, response_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        """Mean hidden states of the tokens in `response_mask`, 0 if it is empty: [texts, depths x hidden]."""
        states = self.encoder(output_hidden_states=True, **inputs).hidden_states
        return torch.cat([masked_mean(states[depth], response_mask) for depth in self.config.depths], dim=1)

    def layers(self) -> list[torch.nn.Linear]:
        """The heads as separate linear layers: [depths x hidden] to [num_labels]."""
        weights = self.classifier.weight.chunk(self.config.heads)
        biases = self.classifier.bias.chunk(self.config.heads)
        return [_layer(*head) for head in zip(weights, biases, strict=True)]

    def with_layers(self, layers: Sequence[torch.nn.Linear]) -> "LinearProbe":
        """A probe with these heads that shares the model of this one."""
        config = LinearProbeConfig(
            self.config.encoder, self.config.depths, len(layers), num_labels=layers[0].out_features
        )
        probe = LinearProbe(config, self.encoder)
        weight = torch.cat([layer.weight for layer in layers])
        probe.classifier = _layer(weight, torch.cat([layer.bias for layer in layers]))
        return probe


def _layer(weight: torch.Tensor, bias: torch.Tensor) -> torch.nn.Linear:
    layer = empty_layer(weight.shape[1], len(weight))
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def empty_layer(inputs: int, outputs: int) -> torch.nn.Linear:
    """An uninitialised float32 layer; it does not advance the random generator."""
    layer: torch.nn.Linear = torch.nn.utils.skip_init(torch.nn.Linear, inputs, outputs)  # type: ignore[no-untyped-call]
    return layer


def from_encoder(folder: Path, n_labels: int, dtype: str) -> LinearProbe:
    """A probe of the model in `folder`, not fitted yet; layers above the ones it uses are removed."""
    encoder = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=dtype)
    depths = [max(1, round(depth * encoder.config.num_hidden_layers)) for depth in _DEPTHS]
    keep_layers(encoder, depths[-1])
    encoder.config.use_cache = False
    return LinearProbe(LinearProbeConfig(encoder.config.to_dict(), depths, num_labels=n_labels), encoder)


AutoConfig.register(LinearProbeConfig.model_type, LinearProbeConfig)
