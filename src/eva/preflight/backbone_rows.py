"""Checks that every backbone is available, can read as many tokens as set, and has the LoRA modules."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from eva.errors import raise_if
from eva.models.endpoint import base_url
from eva.models.loading import model_problems
from eva.models.packages import require_package
from eva.models.positions import usable_positions
from eva.models.tiny import require_architecture
from eva.preflight.configurations import configuration_folder
from eva.preflight.refusals import refusals
from eva.settings.backbones_section import Backbone
from eva.settings.dpo_section import Dpo
from eva.settings.epitome_section import Epitome
from eva.settings.generate_section import Generate
from eva.settings.level_classifier_section import LevelClassifier
from eva.settings.matrix_section import Matrix
from eva.settings.sft_section import Sft
from eva.settings.variants_section import Variant

Backbones = Mapping[str, Backbone]


def _sources(backbones: Backbones) -> Iterator[str]:
    for name, row in backbones.items():
        yield from refusals(f"backbones.{name}.id", row.id, partial(_require_source, row))


def _require_source(row: Backbone) -> None:
    if row.source == "package":
        require_package(row)
    elif row.source == "local":
        raise_if(model_problems(Path(row.id)), row.id)
    elif row.source == "random":
        require_architecture(row.id, row.role)
    elif row.source == "endpoint":
        base_url()


def _scorers(
    level_classifier: LevelClassifier, epitome: Epitome, backbones: Backbones, made: Path
) -> Iterator[str]:
    for section, scorer in (("level_classifier", level_classifier), ("epitome", epitome)):
        readers = [scorer.encoder, *([scorer.probe] if scorer.probe_share else [])]
        for name in readers:
            yield from _positions(f"{section}.max_length", scorer.max_length, name, backbones, made)
    yield from _layers(level_classifier, backbones, made)


def _layers(settings: LevelClassifier, backbones: Backbones, made: Path) -> Iterator[str]:
    folder = _folder(settings.encoder, backbones, made)
    if settings.layers is None or folder is None:
        return
    known = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("num_hidden_layers")
    if isinstance(known, int) and settings.layers > known:
        yield (
            f"`level_classifier.layers` is {settings.layers}, but {settings.encoder} has {known} layers; "
            "null uses all"
        )


def _writers(
    sft: Sft, dpo: Dpo, generate: Generate, matrix: Matrix, backbones: Backbones, made: Path
) -> Iterator[str]:
    longest = max(generate.max_new_tokens, generate.cot_max_new_tokens)
    wanted = {
        "sft.max_length": sft.max_length,
        "dpo.max_length": dpo.max_length,
        "generate.max_length` with `cot_max_new_tokens": generate.max_length + longest,
    }
    for name in matrix.backbones:
        for key, tokens in wanted.items():
            yield from _positions(key, tokens, name, backbones, made)


def _positions(key: str, tokens: int, name: str, backbones: Backbones, made: Path) -> Iterator[str]:
    folder = _folder(name, backbones, made)
    known = usable_positions(folder) if folder else None
    if known is not None and tokens > known:
        yield f"`{key}` is {tokens}, but {name} reads at most {known} tokens at once (its config.json)"


def _targets(
    matrix: Matrix, backbones: Backbones, variants: Mapping[str, Variant], made: Path
) -> Iterator[str]:
    if not any(variant.align for variant in variants.values()):
        return
    for name in matrix.backbones:
        folder = _folder(name, backbones, made)
        modules = _modules(folder) if folder and backbones[name].trainable else []
        for target in backbones[name].lora_targets if modules else []:
            if not any(module == target or module.endswith(f".{target}") for module in modules):
                known = ", ".join(sorted({module.rpartition(".")[2] for module in modules}))
                yield f"`backbones.{name}.lora_targets` names {target!r}, but the model has only {known}"


def _modules(folder: Path) -> list[str]:
    """The names of the modules that have weights, from the headers of the weight files."""
    from safetensors import safe_open

    heads: list[Any] = [safe_open(file, "np") for file in folder.glob("model*.safetensors")]
    names = [name for head in heads for name in head.keys()]  # noqa: SIM118 - no mapping
    return [name.removesuffix(".weight") for name in names if name.endswith(".weight")]


def _folder(name: str, backbones: Backbones, made: Path) -> Path | None:
    row = backbones.get(name)  # another check reports an unknown name
    return configuration_folder(name, row, made) if row else None


def unseen_configurations(backbones: Backbones, made: Path) -> Iterator[str]:
    """A note about backbones that cannot be checked before they are downloaded or converted."""
    unseen = [
        name
        for name, row in backbones.items()
        if row.source in {"hub", "package"} and configuration_folder(name, row, made) is None
    ]
    if unseen:
        yield (
            f"`max_length` and `lora_targets` of {', '.join(unseen)} cannot be checked yet: the model is "
            "not downloaded; the stage `backbone` checks them"
        )


BACKBONE_CHECKS = (_sources, _scorers, _writers, _targets)
