"""Checks that the model of section `register` will exist and can pass the gate."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from eva.errors import InputError
from eva.metrics.selection import select
from eva.registry.promotion import read_policy
from eva.settings.backbones_section import Backbone
from eva.settings.evaluate_section import Evaluate
from eva.settings.register_section import Register
from eva.settings.variants_section import Variant

_POLICY = Path("mlflow") / "policy.yaml"


def _policy() -> Iterator[str]:
    try:
        read_policy(_POLICY)
    except InputError as error:
        yield from (f"{_POLICY}: {problem}" for problem in error.problems)


def _model(
    register: Register, backbones: Mapping[str, Backbone], variants: Mapping[str, Variant]
) -> Iterator[str]:
    backbone, variant = backbones.get(register.backbone), variants.get(register.variant)
    if backbone is None or variant is None:  # the check of names reports it
        return
    if backbone.source == "endpoint":
        yield (
            f"`register.backbone` is {register.backbone}, a model at an endpoint, which has no weights to "
            "register; name another backbone of `matrix.backbones`"
        )
    elif not backbone.trainable and (variant.acquire or variant.align):
        yield (
            f"`register.variant` is {register.variant}, which needs training, but `register.backbone` "
            f"{register.backbone} has `trainable: false`: name another variant or backbone"
        )


def requirements_left_out(register: Register, evaluate: Evaluate) -> Iterator[str]:
    """A note about metrics that the gate requires but `evaluate.metrics` leaves out."""
    try:
        required = read_policy(_POLICY).requires
        measured = {f"evaluate/{metric.name}" for metric in select(evaluate.metrics)}
    except InputError:  # another check reports it
        return
    absent = sorted(name for name in required if name.startswith("evaluate/") and name not in measured)
    if absent:
        yield (
            f"`evaluate.metrics` leaves out {', '.join(absent)}, which {_POLICY} requires: "
            f"{register.name} will not pass the gate"
        )


REGISTRATION_CHECKS = (_policy, _model)
