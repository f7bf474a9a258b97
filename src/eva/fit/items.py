"""The cost of every item of the DAG, in an order in which the items can run."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from eva.fit import scorer_costs as scorers
from eva.fit import training_costs as training
from eva.fit.inputs import Inputs
from eva.fit.memory_needs import sharding
from eva.fit.safety_costs import crisis_detector_cost, safety_cost
from eva.fit.stage_cost import Formats, StageCost, pointer
from eva.fit.work import Small


def costs(inputs: Inputs, formats: Formats, root: Path) -> list[StageCost]:
    """The costs of all items of the settings, named as in DVC."""
    return [
        *_data(inputs),
        *_chains(inputs, formats, root),
        *_scorers(inputs, formats),
        *_safety(inputs, formats, root),
        *_ends(inputs),
    ]


def _data(inputs: Inputs) -> Iterator[StageCost]:
    settings = inputs.settings
    for corpus in settings.corpora:
        yield StageCost(f"prepare@{corpus}", "light", (Small(0.5),))
    for corpus in settings.corpora:
        yield StageCost(f"validate@{corpus}", "validation", (Small(2.0),))
    for backbone in settings.backbones:
        yield scorers.backbone_cost(f"backbone@{backbone}", inputs, backbone)


def _chains(inputs: Inputs, formats: Formats, root: Path) -> Iterator[StageCost]:
    settings = inputs.settings
    for backbone in settings.matrix.backbones:
        served = settings.backbones[backbone].source == "endpoint"
        name = f"preferences@{backbone}"
        yield pointer(name) if served else training.preferences_cost(name, inputs, backbone, formats)
    over, trained = sharding(settings.sft, root), set[str]()
    for key, corpus, backbone, variant in _variants(inputs):
        shared = key.removesuffix(variant)  # variants of one backbone and seed acquire the same model
        if not (settings.variants[variant].acquire and settings.backbones[backbone].trainable):
            yield pointer(f"sft@{key}")
        elif shared in trained:
            yield training.reused_sft_cost(f"sft@{key}", inputs, backbone)
        else:
            trained.add(shared)
            yield training.sft_cost(f"sft@{key}", inputs, (corpus, backbone), formats, over)
    for key, _, backbone, variant in _variants(inputs):
        aligned = settings.variants[variant].align and settings.backbones[backbone].trainable
        name = f"dpo@{key}"
        yield training.dpo_cost(name, inputs, backbone, formats) if aligned else pointer(name)
    for key, corpus, backbone, variant in _variants(inputs):
        name, row = f"generate@{key}", settings.variants[variant]
        if _left_out(inputs, backbone, variant) or settings.backbones[backbone].source == "endpoint":
            yield pointer(name)  # the time of an endpoint is unknown
        else:
            yield training.generate_cost(name, inputs, (corpus, backbone), row, formats)


def _scorers(inputs: Inputs, formats: Formats) -> Iterator[StageCost]:
    yield scorers.level_classifier_cost(inputs, formats)
    for mechanism in inputs.settings.epitome.mechanisms:
        yield scorers.epitome_cost(mechanism, inputs, formats)


def _safety(inputs: Inputs, formats: Formats, root: Path) -> Iterator[StageCost]:
    settings = inputs.settings
    yield crisis_detector_cost(inputs, root)
    for key, _, backbone, variant in _variants(inputs):
        thinks = settings.variants[variant].prompt == "cot"
        served = settings.backbones[backbone].source == "endpoint"
        name = f"safety@{key}"
        unscored = thinks or served or _left_out(inputs, backbone, variant)
        yield pointer(name) if unscored else safety_cost(name, inputs, backbone, formats, root)


def _ends(inputs: Inputs) -> Iterator[StageCost]:
    settings = inputs.settings
    for key, corpus, backbone, variant in _variants(inputs):
        name = f"evaluate@{key}"
        left_out = _left_out(inputs, backbone, variant)
        yield pointer(name) if left_out else scorers.evaluate_cost(name, inputs, corpus, backbone)
    for corpus in settings.matrix.corpora:
        yield scorers.evaluate_cost(f"people@{corpus}", inputs, corpus, settings.matrix.backbones[0])
    for corpus, backbone, seed in _matrix(inputs):
        yield _capability(inputs, f"capability@{corpus}-{backbone}-{seed}")
    items = len(settings.variants) * len(list(_matrix(inputs)))
    yield StageCost("report", "report", (Small(3.0 + 0.5 * items),))
    yield scorers.register_cost(inputs)


def _capability(inputs: Inputs, name: str) -> StageCost:
    if not inputs.settings.capability.tasks:
        return pointer(name)
    return StageCost(name, "models", unknown="the time of the tasks in `capability.tasks`")


def _left_out(inputs: Inputs, backbone: str, variant: str) -> bool:
    """Whether a variant needs a training that its backbone cannot have."""
    row = inputs.settings.variants[variant]
    return (row.acquire or row.align) and not inputs.settings.backbones[backbone].trainable


def _matrix(inputs: Inputs) -> Iterator[tuple[str, str, int]]:
    axes = inputs.settings.matrix
    return product(axes.corpora, axes.backbones, axes.seeds)


def _variants(inputs: Inputs) -> Iterator[tuple[str, str, str, str]]:
    for (corpus, backbone, seed), variant in product(_matrix(inputs), inputs.settings.variants):
        yield f"{corpus}-{backbone}-{seed}-{variant}", corpus, backbone, variant
