"""The settings of commands that score: section `evaluate` of `params.yaml`, or defaults without the file."""

from pathlib import Path

from eva.errors import InputError
from eva.settings.evaluate_section import Evaluate
from eva.settings.params_file import read_settings

PARAMS = Path("params.yaml")


def evaluate_settings(given: Path | None) -> Evaluate:
    """Section `evaluate` of the given params file, or of `params.yaml`; without both, the defaults."""
    if given is None and not PARAMS.is_file():
        return unconfigured()
    return read_settings(given or PARAMS).evaluate


def unconfigured() -> Evaluate:
    """Every family, with ten thousand resamples."""
    from eva.metrics.selection import families

    return Evaluate(metrics=families(), bootstrap=10_000, confidence=0.95, ngram=4, seed=0)


def metric_words(text: str) -> list[str]:
    """The metric names in the value of `--metrics`; `InputError` if there is none."""
    from eva.metrics.selection import families

    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise InputError(f"--metrics {text!r}: give at least one metric; families: {', '.join(families())}")
    return words
