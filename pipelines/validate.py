"""Stage `validate`: the gate that a corpus must pass before anything trains on it."""

from pathlib import Path

from eva import artifacts
from eva.record import StageRun
from eva.settings.params_file import Settings
from eva.validation.gate import validate_corpus
from pipelines.harness import stage


@stage("validate")
def main(
    run: StageRun, settings: Settings, *, corpus: str, prepared: Path, evad: Path, out: Path, metrics: Path
) -> None:
    """Check one prepared corpus against its Great Expectations suite."""
    histories = evad if corpus == settings.preferences.corpus else None
    verdict = validate_corpus(corpus, prepared, settings.validate_, settings.corpora[corpus], out, histories)
    artifacts.write_json(metrics, {"expectations": verdict.expectations, "rows": verdict.rows})
    run.log_metrics({"expectations": verdict.expectations, "failures": len(verdict.failures)})


if __name__ == "__main__":
    main()
