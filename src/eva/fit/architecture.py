"""The shape of a transformer, from its configuration or a table, and its parameters and FLOPs.

The cost of a model depends only on its shape, so a forecast needs no weights.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.settings.backbones_section import Backbone

_KNOWN = Path(__file__).with_name("known_models.json")


@dataclass(frozen=True)
class Architecture:
    """A decoder (grouped-query attention, gated feed-forward), or an encoder without these.

    Only matrices are counted: biases and norms are less than a thousandth of the parameters.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool
    encoder: bool = False

    @property
    def query(self) -> int:
        """Width of all query heads."""
        return self.heads * self.head_dim

    @property
    def key(self) -> int:
        """Width of all key heads, and of all value heads."""
        return self.kv_heads * self.head_dim

    @property
    def layer(self) -> int:
        """Parameters of one layer."""
        feed_forward = (2 if self.encoder else 3) * self.hidden * self.intermediate
        return 2 * self.hidden * self.query + 2 * self.hidden * self.key + feed_forward

    @property
    def embedding(self) -> int:
        """Parameters of the input embedding."""
        return self.vocab * self.hidden

    @property
    def parameters(self) -> int:
        """Number of parameters; an untied head is a second matrix over the vocabulary."""
        head = 0 if self.tied or self.encoder else self.embedding
        return self.layers * self.layer + self.embedding + head

    def flops(self, tokens: float, squares: float, scored: float) -> float:
        """FLOPs of one forward pass over `tokens`, of which `scored` go through the head.

        `squares` is the sum of the squared lengths of the sequences. A causal mask halves the cost of
        attention.
        """
        attention = (4 if self.encoder else 2) * self.query * self.layers * squares
        head = 0 if self.encoder else 2 * self.embedding * scored
        return 2 * self.layers * self.layer * tokens + attention + head

    def input_width(self, module: str) -> int:
        """Numbers that a linear module of a layer reads for a token."""
        return {"o_proj": self.query, "down_proj": self.intermediate}.get(module, self.hidden)

    def adapter(self, r: int, targets: list[str]) -> int:
        """Number of parameters of LoRA matrices of rank `r` on the named modules."""
        outputs = {
            "q_proj": self.query,
            "k_proj": self.key,
            "v_proj": self.key,
            "gate_proj": self.intermediate,
            "up_proj": self.intermediate,
        }
        widths = [self.input_width(name) + outputs.get(name, self.hidden) for name in targets]
        return r * self.layers * sum(widths)


def from_config(config: Mapping[str, Any]) -> Architecture:
    """The shape in a Hugging Face `config.json`.

    Raises:
        KeyError: the configuration does not have the usual names.
    """
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    return Architecture(
        layers=config["num_hidden_layers"],
        hidden=hidden,
        intermediate=config["intermediate_size"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or hidden // heads,
        vocab=config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings", True)),
        encoder=config.get("model_type") in {"bert", "roberta", "xlm-roberta", "mpnet", "distilbert"},
    )


def architecture_of(backbone: Backbone, folder: Path) -> Architecture | None:
    """The shape of a backbone: from its folder, from its source, or from the table of known ids.

    None if it is in none of these.
    """
    for place in (folder, Path(backbone.id) if backbone.source == "local" else None):
        if place is not None and (place / "config.json").is_file():
            return _readable(read_json(place / "config.json"))
    if backbone.source == "hub" and (cached := _from_hub_cache(backbone)) is not None:
        return _readable(cached)
    known = known_models().get(backbone.id)
    return None if known is None else from_config(known)


def _readable(config: Mapping[str, Any]) -> Architecture | None:
    try:
        return from_config(config)
    except KeyError:
        return None


def _from_hub_cache(backbone: Backbone) -> dict[str, Any] | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(backbone.id, "config.json", revision=backbone.revision)
    if not isinstance(found, str):
        return None
    config: dict[str, Any] = read_json(Path(found))
    return config


@cache
def known_models() -> dict[str, dict[str, Any]]:
    """Configurations of some models by their id, as far as they decide the shape."""
    known: dict[str, dict[str, Any]] = json.loads(_KNOWN.read_text(encoding="utf-8"))
    return known
