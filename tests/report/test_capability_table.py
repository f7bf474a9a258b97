"""Table 13 on the page: order, units, marks, and nothing without results."""

from pathlib import Path
from typing import Any

from eva.artifacts import write_json
from eva.report.capability_table import capability_tables

RUN = ("esconv", "mistral", 1)


def _score(before: float, after: float, stderr: float | None, higher: bool | None = True) -> dict[str, Any]:
    return {
        "before": before,
        "after": after,
        "difference": after - before,
        "stderr": stderr,
        "paired": True,
        "n": 200,
        "higher_is_better": higher,
    }


def _write(folder: Path, scores: dict[str, Any]) -> Path:
    found = {"before": "base", "after": "eva", "inapplicable": None, "scores": scores}
    write_json(folder / "esconv-mistral-1.json", found)
    return folder


def test_rows_are_in_the_papers_order_and_units(tmp_path: Path) -> None:
    scores = {
        "everyday_sense/acc": _score(0.25, 0.5, 0.2),
        "wikitext/word_perplexity": _score(9.86, 9.02, 0.1, higher=False),
        "hellaswag/acc": _score(0.6, 0.5, 0.01),
        "hellaswag/acc_norm": _score(0.76, 0.7566, 0.01),
        "odd/length": _score(3.0, 9.0, 0.1, higher=None),
        "odd/rate": _score(3.0, 9.0, None),
    }
    (table,) = capability_tables(_write(tmp_path, scores), [RUN])
    assert (table.corpus, table.backbone, table.seed, table.before, table.after) == (
        *RUN,
        *("base", "eva"),
    )
    rows = {row.name: row for row in table.rows}
    assert list(rows) == [
        *("hellaswag/acc", "hellaswag/acc_norm", "wikitext/word_perplexity"),
        *("everyday_sense/acc", "odd/length", "odd/rate"),
    ]
    assert (rows["hellaswag/acc"].before, rows["hellaswag/acc"].stderr) == (60.0, 1.0)
    assert rows["wikitext/word_perplexity"].before == 9.86
    marks = [row.versus for row in table.rows]
    assert marks == ["worse", "noise", "better", "noise", "changed", None]
    papers = [row.paper for row in table.rows]
    assert papers == [None, (76.0, 75.66), (9.86, 9.02), None, None, None], "once a task"


def test_no_tasks_no_table(tmp_path: Path) -> None:
    assert capability_tables(_write(tmp_path, {}), [RUN]) == []
