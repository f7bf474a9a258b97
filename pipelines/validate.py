"""Stage `validate`: the checks that a corpus must pass before anything is trained on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.plugins import load_plugins
from eva.settings.corpora_section import Corpus
from eva.settings.preferences_section import Preferences
from eva.settings.validate_section import Validate
from eva.validation.gate import validate_corpus

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    validate: Validate,
    corpora: Mapping[str, Corpus],
    preferences: Preferences,
    *,
    corpus: str,
    prepared: Path,
    evad: Path,
    plugins: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Check one prepared corpus against its Great Expectations suite."""
    load_plugins(plugins)
    histories = evad if corpus == preferences.corpus else None
    verdict = validate_corpus(corpus, prepared, validate, corpora[corpus], out, histories)
    artifacts.write_json(metrics, {"expectations": verdict.expectations, "rows": verdict.rows})
    run.log_metrics({"expectations": verdict.expectations, "failures": len(verdict.failures)})
