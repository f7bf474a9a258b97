"""`eva score` on what cannot be scored: one message, exit 2, nothing written."""

from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Eva, Outcome, row, write_rows

from eva.settings.profiles import profile_text


@pytest.fixture
def good(here: Path) -> Path:
    return write_rows(here / "good.jsonl", [row(), row(turn=2)])


def refused(eva: Eva, *words: object) -> Outcome:
    """Run `eva score … --json out.json`; it has to fail and to leave every file as it was."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    done = eva("score", *words, *([] if "--json" in words else ["--json", "out.json"]))
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    return done


def test_every_bad_line_of_a_file_at_once(eva: Eva, here: Path) -> None:
    missing = {key: value for key, value in row().items() if key != "history"}
    bad = ["{not json", missing, row(turn=3), row(response=" "), row("b")]
    write_rows(here / "bad.jsonl", bad)
    done = refused(eva, "bad.jsonl")
    assert done.err == (
        "error: bad.jsonl: 4 problems\n"
        "  - line 1: not JSON (Expecting property name enclosed in double quotes at column 2)\n"
        "  - line 2: `history` is missing\n"
        "  - line 3: `turn` 3 is greater than `n_turns` 2\n"
        "  - line 4: `response` is empty; add the text, or remove this turn from every compared file\n"
    )


def test_the_problems_of_both_files_at_once(eva: Eva, here: Path) -> None:
    write_rows(here / "ours.jsonl", [row(turn=3)])
    write_rows(here / "theirs.jsonl", [row(), "["])
    done = refused(eva, "ours.jsonl", "--baseline", "theirs.jsonl")
    assert "ours.jsonl: 1 problem\n  - line 1: `turn` 3" in done.err
    assert "theirs.jsonl: 1 problem\n  - line 2: not JSON" in done.err


def test_overlap_without_references(eva: Eva, here: Path) -> None:
    write_rows(here / "bare.jsonl", [row(), row(turn=2, reference=None), row("b", reference="")])
    done = refused(eva, "bare.jsonl", "--metrics", "overlap,length")
    assert done.err == (
        "error: --metrics: 1 problem\n"
        "  - overlap: 2 of 3 rows of bare.jsonl have no `reference` (line 2, 3)\n"
    )


def test_unknown_metrics(eva: Eva, good: Path) -> None:
    done = refused(eva, good, "--metrics", "overlapp,length,diversity/dist_3")
    assert "metrics: 2 problems" in done.err
    assert "'overlapp' is neither a metric nor a family. Nearest: 'overlap'" in done.err
    assert "'diversity/dist_3' is neither a metric nor a family. Nearest: 'diversity/dist_" in done.err


@pytest.mark.parametrize("metrics", ["evaeval", "epitome", "epitome/er,evaeval_sum/avg"])
def test_scorers_that_are_not_there(eva: Eva, good: Path, metrics: str) -> None:
    done = refused(eva, good, "--metrics", metrics)
    assert "no scorer for it in models; train it with `dvc repro`" in done.err


def test_scorers_from_nowhere(eva: Eva, good: Path) -> None:
    assert "--scorers nowhere: no such folder" in refused(eva, good, "--scorers", "nowhere").err


def test_files_that_do_not_cover_the_same_turns(eva: Eva, good: Path, here: Path) -> None:
    write_rows(here / "other.jsonl", [row(), row("b")])
    done = refused(eva, "good.jsonl", "--baseline", "other.jsonl")
    assert done.err == (
        "error: good.jsonl and other.jsonl do not cover the same turns: 3 problems\n"
        "  - dialogue 'a' turn 2 is in good.jsonl and not in other.jsonl\n"
        "  - dialogue 'b' turn 1 is in other.jsonl and not in good.jsonl\n"
        "  - the comparison is paired by turn: keep only the turns that both files have\n"
    )


def test_no_file_and_an_empty_file(eva: Eva, here: Path) -> None:
    assert refused(eva, "nowhere.jsonl").err == "error: nowhere.jsonl: no such file\n"
    (here / "empty.jsonl").touch()
    assert "empty.jsonl: no rows" in refused(eva, "empty.jsonl").err


def test_an_output_that_would_do_harm(eva: Eva, good: Path, here: Path) -> None:
    assert "would be overwritten" in refused(eva, "good.jsonl", "--json", "./good.jsonl").err
    assert "is a folder" in refused(eva, "good.jsonl", "--json", here).err


def test_faulty_settings(eva: Eva, good: Path, here: Path, root: Path) -> None:
    settings = yaml.safe_load(profile_text(root / "profiles", "smoke")) | {"evaluate": {"metrics": []}}
    (here / "params.yaml").write_text(yaml.safe_dump(settings))
    assert "`evaluate.metrics`" in refused(eva, "good.jsonl").err
    assert "nowhere.yaml: no such file" in refused(eva, "good.jsonl", "--params", "nowhere.yaml").err


def test_nothing_that_can_be_computed(eva: Eva, here: Path, root: Path) -> None:
    text = profile_text(root / "profiles", "smoke")
    line = next(line for line in text.splitlines() if line.startswith("  metrics: ["))
    (here / "params.yaml").write_text(text.replace(line, "  metrics: [evaeval]"))
    write_rows(here / "good.jsonl", [row()])
    assert "no metric can be computed: 1 problem\n  - evaeval: no scorer" in refused(eva, "good.jsonl").err


@pytest.mark.parametrize("metrics", ["", ","])
def test_no_metric_asked_for(eva: Eva, good: Path, metrics: str) -> None:
    assert "give at least one metric" in refused(eva, good, "--metrics", metrics).err
