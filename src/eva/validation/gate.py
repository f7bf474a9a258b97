"""The validation of a prepared corpus: nothing is trained on it unless every expectation holds.

Great Expectations checks the tables (ephemeral context, suites built in code). The results are written as
a deterministic `result.json`, a `verdict.json` on which every training stage depends, and an HTML page
that opens offline.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from eva.artifacts import new_folder, write_json, write_text
from eva.data.corpora import format_of
from eva.errors import InputError
from eva.settings.corpora_section import Corpus
from eva.settings.validate_section import Validate
from eva.validation import frames as batches
from eva.validation import pair_rows as preferences
from eva.validation import result_page as page
from eva.validation import suites
from eva.validation.suites import Rule

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OffendingRow:
    """A row that breaks an expectation; `turn` counts from 1, None if it is not about a turn."""

    file: str
    dialogue: str | None
    turn: int | None
    what: str


@dataclass(frozen=True)
class Failure:
    """One failed expectation in one split; `count` rows break it, the first ones are listed."""

    expectation: str
    requirement: str
    split: str
    count: int
    rows_listed: tuple[OffendingRow, ...]


@dataclass(frozen=True)
class Verdict:
    """What the gate says about `corpus`, or about the pairs of a backbone: `rows` by split."""

    corpus: str
    success: bool
    expectations: int
    rows: dict[str, int]
    failures: tuple[Failure, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def validate_corpus(
    name: str, prepared: Path, settings: Validate, corpus: Corpus, out: Path, evad: Path | None = None
) -> Verdict:
    """Validate the folder `prepared` (train, valid and test JSON lines) and write the folder `out`.

    With `evad`, that preference file is validated too; its histories must be in the corpus.

    Raises:
        InputError: an expectation fails; shows the first offending rows. `out` is still written, so that
            its page can be read.
    """
    rows = batches.read_rows(prepared)
    tables = batches.build(
        corpus.format, rows, format_of(corpus).strategies, suites.required_dialogues(corpus)
    )
    judged, required = dict(tables.tables), suites.rules(corpus, settings)
    if evad is not None:
        judged["preferences"] = preferences.table(evad, prepared)
        required["preferences"] = suites.preference_rules()
    verdict = conclude(name, judged, required, tables.rows, settings.max_rows_listed, out, evad)
    if verdict.failures:
        advice = f"All of it: {_page(out)}. Correct {corpus.path}, or the bounds under `validate`."
        raise InputError("\n".join([*report(verdict, prepared), advice]))
    log.info(
        "%s: %d expectations hold for %s dialogues", name, verdict.expectations, sum(tables.rows.values())
    )
    return verdict


def conclude(
    name: str,
    tables: Mapping[str, pd.DataFrame],
    required: Mapping[str, Sequence[Rule]],
    rows: dict[str, int],
    listed: int,
    out: Path,
    evad: Path | None = None,
) -> Verdict:
    """Judge `tables` and write the folder `out`; `listed` offending rows are kept of each failed rule."""
    results = judge(tables, required)
    failures = [
        failure for table in required for failure in _failures(results[table], required[table], listed, evad)
    ]
    count = sum(len(suite) for suite in required.values())
    verdict = Verdict(name, not failures, count, rows, tuple(failures))
    _write(out, verdict, results, listed)
    return verdict


def judge(
    tables: Mapping[str, pd.DataFrame], required: Mapping[str, Sequence[Rule]]
) -> dict[str, list[dict[str, Any]]]:
    """Great Expectations' result for each rule of each table, in order, with every offending row."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # otherwise it contacts a server
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("prepared")
    results = {}
    for name, suite in required.items():
        asset = source.add_dataframe_asset(name)
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": tables[name]})
        expectations = [
            getattr(gx.expectations, rule.expectation)(**rule.arguments, meta={"rule": rule.name})
            for rule in suite
        ]
        wanted = {
            "result_format": "COMPLETE",
            "unexpected_index_column_names": list(tables[name].columns),
        }
        found = batch.validate(gx.ExpectationSuite(name, expectations=expectations), result_format=wanted)
        results[name] = _in_order(found.to_json_dict()["results"], suite)
    return results


def _in_order(found: Sequence[dict[str, Any]], suite: Sequence[Rule]) -> list[dict[str, Any]]:
    """The results in the order of the rules; Great Expectations sorts them by column."""
    by_rule = {result["expectation_config"]["meta"]["rule"]: result for result in found}
    return [by_rule[rule.name] for rule in suite]


def _failures(
    results: Sequence[Mapping[str, Any]], required: Sequence[Rule], listed: int, evad: Path | None
) -> list[Failure]:
    """One failure per failed rule and split."""
    failures = []
    for result, rule in zip(results, required, strict=True):
        if result["success"]:
            continue
        rows = result["result"].get("unexpected_index_list") or [_no_row(result)]
        by_split: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            by_split.setdefault(str(row.get("split", "all")), []).append(row)
        for split, members in by_split.items():
            first = tuple(_offending(row, rule, split, evad) for row in members[:listed])
            failures.append(Failure(rule.name, rule.requirement, split, len(members), first))
    return failures


def _no_row(result: Mapping[str, Any]) -> dict[str, Any]:
    """A row for a failure of a whole table, with the exception if the expectation could not be computed."""
    return {"exception": result["exception_info"].get("exception_message")}


def _offending(row: Mapping[str, Any], rule: Rule, split: str, evad: Path | None) -> OffendingRow:
    what = row["exception"] if row.get("exception") else rule.what.format(**row)
    file = evad.name if evad is not None and split == "preferences" else f"{split}.jsonl"
    turn = row.get("turn")
    return OffendingRow(file, row.get("dialogue"), None if turn is None else int(turn), what)


def _write(
    out: Path, verdict: Verdict, results: Mapping[str, Sequence[Mapping[str, Any]]], listed: int
) -> None:
    """Write result.json, verdict.json and docs/index.html, atomically."""
    suites_found = {table: [_stable(result, listed) for result in found] for table, found in results.items()}
    with new_folder(out) as folder:
        write_json(folder / "verdict.json", verdict.to_dict())
        write_json(
            folder / "result.json",
            {"corpus": verdict.corpus, "success": verdict.success, "suites": suites_found},
        )
        write_text(folder / "docs" / "index.html", page.render(verdict.to_dict(), suites_found))


def _stable(result: Mapping[str, Any], listed: int) -> dict[str, Any]:
    """A result without run ids and with limited size, so that equal data gives equal bytes."""
    config = result["expectation_config"]
    arguments = {key: value for key, value in config["kwargs"].items() if key != "batch_id"}
    found = dict(result["result"])
    for name in ("unexpected_index_query", "unexpected_index_column_names", "partial_unexpected_counts"):
        found.pop(name, None)
    for name in [key for key, value in found.items() if isinstance(value, list)]:
        found[name] = found[name][:listed]
    return {
        "rule": config["meta"]["rule"],
        "type": config["type"],
        "arguments": arguments,
        "success": result["success"],
        "result": found,
    }


def report(verdict: Verdict, what: object) -> list[str]:
    """What the gate has against `what`, as lines: every failed rule with its first rows."""
    broken = len({failure.expectation for failure in verdict.failures})
    count = f"{broken} of {verdict.expectations} expectations"
    lines = [f"{what}: {count} of the gate fail, so nothing trains on it"]
    for (name, requirement), group in groupby(verdict.failures, key=lambda f: (f.expectation, f.requirement)):
        failures = list(group)
        rows = sum(failure.count for failure in failures)
        lines.append(f"  - {name}: {requirement} ({rows} row(s) break it)")
        lines += [f"      {_place(row)}: {row.what}" for failure in failures for row in failure.rows_listed]
    return lines


def _page(out: Path) -> Path:
    return out / "docs" / "index.html"


def _place(row: OffendingRow) -> str:
    places = [row.file]
    if row.dialogue is not None:
        places.append(f"dialogue {row.dialogue}")
    if row.turn is not None:
        places.append(f"turn {row.turn}")
    return ", ".join(places)
