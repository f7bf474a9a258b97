"""What a model card says of the licences of what a model was made of."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from eva.settings.backbones_section import Backbone
from eva.settings.corpora_section import Corpus

_SAMPLE = Path("data/sample")  # EVA's own invented dialogues
_ESCONV = "for academic research only (ESConv, © 2021 CoAI Group, Tsinghua University)"
# The licences under which the corpora of EVA's formats were published.
_PUBLISHED: Mapping[str, str] = {
    "esconv": _ESCONV,
    "failed_esconv": _ESCONV,
    "empathetic_dialogues": "CC BY-NC 4.0 (EmpatheticDialogues)",
}


def corpus_licence(corpus: Corpus) -> str:
    """The licence of a corpus, as far as EVA knows it."""
    if corpus.path.is_relative_to(_SAMPLE):
        return "Apache-2.0 (EVA's invented sample)"
    return _PUBLISHED.get(corpus.format, "unknown to EVA: ask its source")


def backbone_licence(backbone: Backbone) -> str:
    """The licence of a backbone's weights, as far as EVA knows it."""
    if backbone.source == "package":
        return f"{_of_package(backbone.id)} (as the package {backbone.id} says)"
    if backbone.source == "random":
        return "none: random weights"
    return f"unknown to EVA: ask the source of {backbone.id}"


def _of_package(name: str) -> str:
    try:
        told: Any = metadata(name)
    except PackageNotFoundError:  # the weights came with `dvc pull`
        return "unknown here"
    return str(told.get("License-Expression") or told.get("License") or "unknown")
