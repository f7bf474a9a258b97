"""`eva score` of several systems: one table, responses one by one, and tables for a document."""

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Eva, row, write_rows

METRICS = "length,overlap/rouge_l"
NAMES = [f"d{i:02}" for i in range(8)]


@pytest.fixture
def systems(here: Path) -> Path:
    """Three systems on the same turns, and people, who have no reference."""
    said = {"short": "I see.", "long": "I see, and I wonder how long it has been", "other": "Go home now."}
    for name, text in said.items():
        write_rows(here / f"{name}.jsonl", [row(one, 1, 1, response=text) for one in NAMES])
    write_rows(here / "people.jsonl", [row(one, 1, 1, reference=None) for one in NAMES])
    return here


def test_several_files_make_one_table(eva: Eva, systems: Path) -> None:
    words = ("score", "short.jsonl", "long.jsonl", "other.jsonl", "--metrics", METRICS, "--json", "all.json")
    done = eva(*words)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "short, long, other"
    head = next(line for line in lines if line.startswith("metric"))
    assert head.split() == ["metric", "short", "long", "other", "unit"]
    (length,) = [line for line in lines if line.startswith("length/words")]
    assert length.split() == ["length/words", "2.00", "10.00", "3.00", "words"], "all equal: no interval"
    written = json.loads(Path("all.json").read_text())["systems"]
    assert {name: one["metrics"]["length/words"]["value"] for name, one in written.items()} == {
        "short": 2, "long": 10, "other": 3
    }  # fmt: skip
    assert not any("comparison" in one for one in written.values())


def test_a_baseline_is_the_last_column_and_gives_the_marks(eva: Eva, systems: Path) -> None:
    files = ("short.jsonl", "long.jsonl", "--baseline", "other.jsonl")
    done = eva("score", *files, "--metrics", METRICS, "--json", "all.json")
    assert done.code == 0
    assert "compared with other, paired by dialogue: + better, - worse" in done.out
    written = json.loads(Path("all.json").read_text())["systems"]
    assert list(written) == ["long", "short"]
    gap = written["long"]["comparison"]["differences"]["length/words"]["difference"]
    assert gap == written["long"]["metrics"]["length/words"]["value"] - 3


def test_files_of_one_name_go_by_their_paths(eva: Eva, systems: Path) -> None:
    (systems / "again").mkdir()
    (systems / "again" / "short.jsonl").write_bytes((systems / "short.jsonl").read_bytes())
    done = eva("score", "short.jsonl", "again/short.jsonl", "other.jsonl", "--metrics", "length")
    assert done.out.splitlines()[0] == "short.jsonl, again/short.jsonl, other.jsonl"


def test_every_response_with_labels_type_and_values(eva: Eva, systems: Path, trained: Path) -> None:
    done = eva("score", "short.jsonl", "long.jsonl", "--scorers", trained, "--labels", "rows.jsonl")
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text().splitlines()]
    assert [(one["system"], one["dialogue_id"]) for one in rows] == [
        (system, name) for system in ("short", "long") for name in NAMES
    ]
    keys = {"turn", "n_turns", "quartile", "level", "ip", "ex", "er", "type"}
    assert all(keys | {"length/words", "overlap/rouge_l", "epitome/ip"} <= set(one) for one in rows)
    assert {one["type"] for one in rows if one["system"] == "long"} == {"uv"}, "I see,"
    assert {one["length/words"] for one in rows if one["system"] == "long"} == {10}
    assert all(one["epitome/ip"] == one["ip"] for one in rows)
    assert all(one["diversity/dist_2_response"] == 100 for one in rows)
    assert rows[0]["defect/truncated"] is None, "its file does not say how it ended"
    assert not any(name.startswith(("evaeval", "repetition/over")) for name in rows[0])


def test_markdown_is_a_table_and_nothing_else(eva: Eva, systems: Path) -> None:
    done = eva("score", "short.jsonl", "long.jsonl", "--metrics", METRICS, "--format", "markdown")
    lines = done.out.splitlines()
    assert lines[:2] == ["| metric | short | long | unit |", "| --- | ---: | ---: | --- |"]
    assert len(lines) == 4 and all(line.startswith("| ") and line.endswith(" |") for line in lines)


def test_latex_escapes_what_latex_reads(eva: Eva, systems: Path) -> None:
    done = eva("score", "short.jsonl", "--baseline", "long.jsonl", "--metrics", METRICS, "--format", "latex")
    first, second = done.out.strip().split("\n\n")
    assert first.startswith(
        "\\begin{tabular}{lrrrl}\n\\toprule\nmetric & value & interval & n & unit \\\\\n\\midrule"
    )
    assert "overlap/rouge\\_l & " in first and first.endswith("\\bottomrule\n\\end{tabular}")
    assert "length/words & 2.00 & 10.00 & -8.00 & -8.00 to -8.00 & " in second


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--labels", "rows.csv"), "--labels rows.csv: name it *.jsonl"),
        (
            ("--labels", "short.jsonl"),
            "--labels short.jsonl: is a file of responses and would be overwritten",
        ),
        (("--labels", "a.jsonl", "--json", "a.jsonl"), "--json and --labels: both name a.jsonl"),
        (("--format", "word"), "'word' is not one of"),
    ],
)
def test_what_cannot_be_written_is_refused(
    eva: Eva, systems: Path, words: tuple[str, ...], said: str
) -> None:
    done = eva("score", "short.jsonl", "--metrics", "length", *words)
    assert done.code == 2
    assert said in done.err
    assert not Path("rows.csv").exists()


def test_a_baseline_of_other_references_is_refused(eva: Eva, systems: Path) -> None:
    write_rows(systems / "moved.jsonl", [row(one, 1, 1, reference="Another.") for one in NAMES])
    done = eva("score", "short.jsonl", "--baseline", "moved.jsonl", "--metrics", "length")
    assert done.code == 2
    assert (
        "short.jsonl and moved.jsonl do not answer the same: dialogue 'd00' turn 1 has `reference`"
        in done.err
    )
    assert eva("score", "short.jsonl", "--baseline", "people.jsonl", "--metrics", "length").code == 0


def test_missing_turns_are_said(eva: Eva, here: Path) -> None:
    write_rows(here / "part.jsonl", [row("a", 2, 5), row("b", 1, 1)])
    done = eva("score", "part.jsonl", "--metrics", "length")
    assert done.code == 0
    assert done.err.startswith("note: 1 of 2 dialogues lack turns ('a' 1, 3 to 5 of 5)")
