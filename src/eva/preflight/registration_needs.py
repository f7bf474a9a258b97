"""Checks that the model of section `register` will exist and can get its alias."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from eva.errors import InputError
from eva.metrics.selection import select
from eva.preflight.refusals import refusals
from eva.registry.promotion import requirements
from eva.settings.backbones_section import Backbone
from eva.settings.evaluate_section import Evaluate
from eva.settings.register_section import Register
from eva.settings.variants_section import Variant

_POLICY = Path("mlflow") / "policy.yaml"


def _alias(register: Register) -> Iterator[str]:
    yield from refusals("register.alias", register.alias, lambda: requirements(register.alias, _POLICY))


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
    """A note about metrics that the alias requires but `evaluate.metrics` leaves out."""
    try:
        required = requirements(register.alias, _POLICY)
        measured = {f"evaluate/{metric.name}" for metric in select(evaluate.metrics)}
    except InputError:  # another check reports it
        return
    absent = sorted(name for name in required if name.startswith("evaluate/") and name not in measured)
    if absent:
        yield (
            f"`evaluate.metrics` leaves out {', '.join(absent)}, which {_POLICY} requires for the alias "
            f"{register.alias}: the model will not get it"
        )


REGISTRATION_CHECKS = (_alias, _model)
