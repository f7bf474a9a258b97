"""`eva score`: metrics of any file of responses, and a paired comparison of two."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eva.artifacts import digest_file, write_json
from eva.errors import InputError
from eva.settings import Evaluate, read_settings

if TYPE_CHECKING:
    from eva.cli.metric_choice import ScorerFolder
    from eva.evaluation.compare import Difference
    from eva.evaluation.rows import ResponseRow
    from eva.evaluation.score import ScoreResult

PARAMS = Path("params.yaml")
FAMILIES = ["overlap", "diversity", "length", "epitome", "evaeval", "response_type", "repetition"]
UNCONFIGURED = Evaluate(metrics=FAMILIES, bootstrap=1000, confidence=0.95, ngram=4, seed=0)


@dataclass(frozen=True)
class Compared:
    """A scored file and the one that it is compared with, if there is any."""

    ours: "ScoreResult"
    theirs: "ScoreResult | None"
    differences: "list[Difference]"

    def to_dict(self, baseline: str) -> dict[str, Any]:
        """The JSON of `--json`."""
        if self.theirs is None:
            return self.ours.to_dict()
        differences = {row.metric: row.to_dict() for row in self.differences}
        comparison = {"baseline": baseline, "differences": differences, "scores": self.theirs.to_dict()}
        return {**self.ours.to_dict(), "comparison": comparison}


def score(
    responses: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="one response a line")],
    metrics: Annotated[
        str | None,
        typer.Option(help=f"comma-separated families or metric names; families: {', '.join(FAMILIES)}"),
    ] = None,
    scorers: Annotated[
        str | None, typer.Option(help="folder with level_classifier/ and epitome/ [default: models]")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="write values, definitions and provenance here")] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="OTHER.jsonl", help="compare with this file, same turns")
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="settings file, section `evaluate` [default: params.yaml if here]")
    ] = None,
    allow_empty: Annotated[bool, typer.Option(help="an empty response counts as one of no words")] = False,
) -> None:
    """Score a file of responses.

    A line is an object with dialogue_id, turn, n_turns, history (a list of role and content), response
    and, if known, reference. `turn` counts the supporter's turns of the dialogue from 1.
    """
    from eva.cli.metric_choice import left_out_line, scorer_folder

    settings = _settings(params)
    folder = scorer_folder(scorers)
    _check_out(json, [responses, *([baseline] if baseline else [])])
    files = _read([responses, *([baseline] if baseline else [])], allow_empty)
    choice = _choose(metrics, settings, files, folder)
    for reason, names in choice.left_out.items():
        typer.echo(left_out_line(reason, names), err=True)
    compared = _score(files, choice.metrics, settings, folder if choice.uses_scorers else None)
    _show(compared, settings)
    if json is not None:
        write_json(json, compared.to_dict(baseline.name if baseline else ""))
        print(f"\nwritten: {json}")


def _settings(given: Path | None) -> Evaluate:
    if given is None and not PARAMS.is_file():
        return UNCONFIGURED
    return read_settings(given or PARAMS).evaluate


def _check_out(out: Path | None, inputs: list[Path]) -> None:
    if out is None:
        return
    if out.is_dir():
        raise InputError(f"--json {out}: is a folder; name a file to write")
    if out.resolve() in {path.resolve() for path in inputs}:
        raise InputError(f"--json {out}: is one of the files to score, and would be overwritten")


def _read(paths: list[Path], allow_empty: bool) -> dict[str, "list[ResponseRow]"]:
    """Rows by file name; the problems of all files in one `InputError`."""
    from eva.evaluation.rows import check_same_turns, read_rows

    files, problems = {}, []
    for path in paths:
        try:
            files[str(path)] = read_rows(path, allow_empty=allow_empty)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    if len(paths) > 1:
        ours, theirs = (str(path) for path in paths)
        check_same_turns(files[ours], files[theirs], (ours, theirs))
    return files
