"""The model card of a registered model: description, intended use, what it is made of, and metrics."""

from eva.registry.package import Package

_INTENDED = (
    "For research on emotional support dialogue. It is not a counsellor: it can say wrong or hurtful "
    "things, it does not recognise emergencies, and nobody in distress should be left alone with it."
)


def model_card(package: Package, weights: str) -> str:
    """Markdown with a YAML header; `weights` says how the backbone's weights differ from the published."""
    made_of = {
        **package.axes,
        "backbone's weights": weights,
        "prompt": package.prompt,
        "model": package.model.digest,
        "adapter": package.adapter.digest if package.adapter else "none",
    }
    rows = "\n".join(f"| {key} | `{value}` |" for key, value in made_of.items())
    figures = "\n".join(f"| {key} | {value:.4g} |" for key, value in sorted(package.metrics.items()))
    return "\n".join(
        [
            "---",
            "license: other",
            "language: en",
            "pipeline_tag: text-generation",
            "tags: [empathetic-dialogue, emotional-support, dpo]",
            "---",
            f"# {package.name}",
            "",
            "An empathetic language model trained by empathy acquisition (SFT) and emotional validation "
            "alignment (DPO). Its licence depends on those of its backbone and its data.",
            "",
            "## Intended use",
            "",
            _INTENDED,
            "",
            "## What it is made of",
            "",
            "| | |",
            "|---|---|",
            rows,
            "",
            "## Evaluation",
            "",
            "| metric | value |",
            "|---|---|",
            figures,
            "",
        ]
    )
