"""What `eva score` prints and writes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.errors import InputError, raise_if
from eva.settings.evaluate_section import Evaluate
from eva.text_columns import align, latex, markdown

if TYPE_CHECKING:
    from eva.cli.response_files import ResponseFile
    from eva.metrics.compare import Difference
    from eva.metrics.score import ScoreResult


class Format(StrEnum):
    """How a table is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"


LAYOUTS = {Format.TEXT: align, Format.MARKDOWN: markdown, Format.LATEX: latex}


def check_out(json: Path | None, labels: Path | None, inputs: Sequence[Path]) -> None:
    """Refuse files to write that cannot be, or that are read."""
    problems = []
    for option, out in (("--json", json), ("--labels", labels)):
        if out is None:
            continue
        if out.is_dir():
            problems.append(f"{option} {out}: is a folder; name a file to write")
        elif out.resolve() in {path.resolve() for path in inputs}:
            problems.append(f"{option} {out}: is a file of responses and would be overwritten; name another")
    if labels is not None and labels.suffix != ".jsonl":
        problems.append(f"--labels {labels}: name it *.jsonl; it gets one JSON object a line")
    if json is not None and labels is not None and json.resolve() == labels.resolve():
        problems.append(f"--json and --labels: both name {json}")
    if len(problems) == 1:
        raise InputError(problems[0])
    raise_if(problems, "eva score")


def system_names(paths: Sequence[Path]) -> list[str]:
    """The files' names without ending, as far as they tell them apart; else their paths."""
    short = [path.name.removesuffix(".gz").removesuffix(".jsonl") for path in paths]
    if len(set(short)) == len(paths):
        return short
    return [f"{path}" if paths.count(path) == 1 else f"{path} ({i})" for i, path in enumerate(paths, start=1)]


def show(
    results: Mapping[str, "ScoreResult"],
    differences: Mapping[str, Sequence["Difference"]],
    settings: Evaluate,
    layout: Format,
) -> None:
    """Print the tables; beside text, nothing but them, so that they can go into a document."""
    from eva.cli.text_tables import comparison_table, score_table, systems_table

    names, sample = list(results), next(iter(results.values())).sample
    title = (
        f"{', '.join(names)}\nresponses: {len(sample.rows)}, dialogues: {len(sample.dialogues)}; "
        f"{settings.confidence:.0%} intervals over {settings.bootstrap} resamples of dialogues\n"
    )
    against = f"{names[-1]}, paired by dialogue"
    is_text = layout is Format.TEXT
    if is_text:
        print(title)
    if len(names) == 1 or (len(names) == 2 and differences):
        print(score_table(results[names[0]], LAYOUTS[layout]))
        for found in differences.values():
            print(f"\ncompared with {against}\n" if is_text else "")
            print(comparison_table(found, LAYOUTS[layout]))
    else:
        print(systems_table(results, differences, LAYOUTS[layout]))
        if differences and is_text:
            print(f"\ncompared with {against}: + better, - worse, * changed, ~ within the noise")


def as_dict(
    results: Mapping[str, "ScoreResult"],
    differences: Mapping[str, Sequence["Difference"]],
    files: Sequence["ResponseFile"],
) -> dict[str, Any]:
    """The content of `--json`: a system's values, and its comparison with a baseline; of several by name."""
    systems = list(differences) or list(results)
    written = {name: results[name].to_dict() for name in systems}
    if differences:
        baseline = list(results)[-1]
        against = {
            "baseline": files[-1].provenance(),
            "metrics": {name: value.to_dict() for name, value in results[baseline].metrics.items()},
        }
        for name, found in differences.items():
            by_metric = {one.metric: one.to_dict() for one in found}
            written[name]["comparison"] = {**against, "differences": by_metric}
    return written[systems[0]] if len(systems) == 1 else {"systems": written}


def label_rows(results: Mapping[str, "ScoreResult"]) -> list[dict[str, Any]]:
    """The content of `--labels`: every response of every system."""
    from eva.metrics.response_rows import response_rows

    return [{"system": name, **row} for name, result in results.items() for row in response_rows(result)]
