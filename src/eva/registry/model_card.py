"""The model card of a registered model: description, intended use, lineage and metrics."""

from collections.abc import Mapping

_INTENDED = (
    "For research on emotional support dialogue. It is not a counsellor: it can say wrong or hurtful "
    "things, it does not recognise emergencies, and nobody in distress should be left alone with it."
)


def model_card(name: str, lineage: Mapping[str, str], metrics: Mapping[str, float]) -> str:
    """Markdown with a YAML header; `lineage` and `metrics` become its two tables."""
    rows = "\n".join(f"| {key} | `{value}` |" for key, value in sorted(lineage.items()))
    figures = "\n".join(f"| {key} | {value:.4g} |" for key, value in sorted(metrics.items()))
    return "\n".join(
        [
            "---",
            "license: other",
            "language: en",
            "pipeline_tag: text-generation",
            "tags: [empathetic-dialogue, emotional-support, dpo]",
            "---",
            f"# {name}",
            "",
            "An empathetic language model trained by empathy acquisition (SFT) and emotional validation "
            "alignment (DPO). Its licence depends on those of its backbone and its data.",
            "",
            "## Intended use",
            "",
            _INTENDED,
            "",
            "## Lineage",
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
