"""The model card of a registered model: description, intended use, what it is made of, and metrics."""

from collections.abc import Mapping

from eva.registry.certainty import Certainty, is_end
from eva.registry.package import Package

_INTENDED = (
    "For research on emotional support dialogue. It is not a counsellor: it can say wrong or hurtful "
    "things, it does not recognise emergencies, and nobody in distress should be left alone with it."
)

_CARD = """---
license: other
language: en
pipeline_tag: text-generation
tags: [empathetic-dialogue, emotional-support, dpo]
---
# {name}

An empathetic language model trained by empathy acquisition (SFT) and emotional validation alignment (DPO). \
Its licence depends on those of its backbone and its data.

## Intended use

{intended}

## What it is made of

| | |
|---|---|
{made_of}

## Licences

| | |
|---|---|
{licences}

## Evaluation

Intervals are at 95 %. `evaluate`: over dialogues. `dpo`: over the dialogues of held-out pairs. \
`safety`: exact for shares, paired by item for differences between framings (`gap`, `shift`). \
n counts what a value rests on.

| metric | value | interval | n |
|---|---|---|---|
{figures}
"""


def model_card(
    package: Package, weights: str, licences: Mapping[str, str], certain: Mapping[str, Certainty]
) -> str:
    """Markdown with a YAML header.

    Args:
        package: the model.
        weights: how the backbone's weights differ from the published ones.
        licences: of what it was made of, by name.
        certain: interval and n of metrics that have them, see `certainties`.
    """
    made_of = {
        **package.axes,
        "backbone's weights": weights,
        "prompt": package.prompt,
        "model": package.model.digest,
        "adapter": package.adapter.digest if package.adapter else "none",
    }
    rows = "\n".join(f"| {key} | `{value}` |" for key, value in made_of.items())
    figures = "\n".join(
        f"| {key} | {value:.4g} | {_told(certain.get(key))} |"
        for key, value in sorted(package.metrics.items())
        if not is_end(key, package.metrics)
    )
    terms = "\n".join(f"| {key} | {value} |" for key, value in licences.items())
    return _CARD.format(name=package.name, intended=_INTENDED, made_of=rows, licences=terms, figures=figures)


def _told(found: Certainty | None) -> str:
    """Interval and n of a metric, as two cells."""
    if found is None:
        return " | "
    interval = "" if found.interval is None else f"{found.interval[0]:.4g} to {found.interval[1]:.4g}"
    return f"{interval} | {found.n}"
