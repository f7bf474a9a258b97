"""What `eva human` cannot do: one message, exit 2, nothing written."""

from pathlib import Path

import pytest
from tests.cli.conftest import Eva, Outcome
from tests.human.conftest import fill, rows_of, write_lines


def refused(eva: Eva, *words: object) -> Outcome:
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    done = eva("human", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    return done


@pytest.fixture
def study(eva: Eva, systems: tuple[Path, Path]) -> Path:
    assert eva("human", "export", *systems, "--out", "study", "--n", 12).code == 0
    fill(Path("study"), lambda i, *_: ("win", "lose")[i % 2])
    return Path("study")


def test_files_that_do_not_cover_the_same_turns(eva: Eva, systems: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_lines(tmp_path / "other.jsonl", rows_of("curt")[1:])
    done = refused(eva, "export", systems[0], other, "--out", "new")
    assert "do not cover the same turns: 2 problems" in done.err
    assert f"dialogue 'dlg-00' turn 1 is in {systems[0]} and not in {other}" in done.err


def test_files_whose_histories_differ(eva: Eva, systems: tuple[Path, Path], tmp_path: Path) -> None:
    rows = rows_of("curt")
    rows[3]["history"] = [{"role": "user", "content": "Something else."}]
    other = write_lines(tmp_path / "other.jsonl", rows)
    done = refused(eva, "export", systems[0], other, "--out", "new")
    assert "dialogue 'dlg-00' turn 4 has `history` message 1 'user: " in done.err
    assert f"'user: Something else.' in {other}; 1 of 96 turns differ" in done.err


def test_all_problems_of_both_files(eva: Eva, tmp_path: Path) -> None:
    bad = [write_lines(tmp_path / f"{i}.jsonl", [{**rows_of("kind")[0], "turn": 99}]) for i in "ab"]
    assert refused(eva, "export", *bad, "--out", "new").err.count("`turn` 99 is greater than") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--n", 97], "--n 97: there are 96 responses"),
        (["--dialogues", 13], "--dialogues 13: there are 12 dialogues"),
        (["--dialogues", 2, "--n", 5], "exclude each other"),
        (["--raters", 2, "--per-item", 3], "--per-item 3: there are 2 raters"),
        (["--ask", "comfort"], "only with one file"),
    ],
)
def test_plans_that_cannot_be(eva: Eva, systems: tuple[Path, Path], words: list[object], said: str) -> None:
    assert said in refused(eva, "export", *systems, "--out", "new", *words).err


def test_questions_and_numbers_of_files(eva: Eva, systems: tuple[Path, Path]) -> None:
    done = refused(eva, "export", systems[0], "--ask", "fun", "--out", "new")
    assert "--ask fun: no such question. Known: comfort, validation." in done.err
    assert "3 files" in refused(eva, "export", *systems, systems[0], "--out", "new").err


def test_filled_sheets_are_never_overwritten(eva: Eva, systems: tuple[Path, Path], study: Path) -> None:
    assert "may hold filled sheets" in refused(eva, "export", *systems, "--out", study).err
    Path("file").touch()
    assert "already exists" in refused(eva, "export", *systems, "--out", "file").err


def test_import_from_nowhere(eva: Eva, here: Path) -> None:
    assert "nowhere/key.json: no such file" in refused(eva, "import", "nowhere").err


def test_import_of_a_blank_study(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "new")
    assert "nothing is filled in: rater_1.csv, rater_2.csv, rater_3.csv" in refused(eva, "import", "new").err


def test_other_response_files(eva: Eva, systems: tuple[Path, Path], study: Path, tmp_path: Path) -> None:
    other = write_lines(tmp_path / "other.jsonl", [{**row, "response": "No."} for row in rows_of("curt")])
    done = refused(eva, "import", study, "--responses", systems[0], "--responses", other)
    assert f"none of the files is {systems[1]} as it was when the sheets were made" in done.err
    assert f"{other} is not a file of this study" in done.err
    assert "none of the files is" in refused(eva, "import", study, "--responses", systems[0]).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--metrics", "evaeval,length"], "evaeval is defined per dialogue"),
        (["--metrics", "epitome"], "no scorer for it in models"),
        (["--metrics", "overlapp"], "'overlapp' is neither a metric"),
        (["--metrics", ","], "give at least one metric"),
        (["--scorers", "nowhere"], "--scorers nowhere: no such folder"),
        (["--json", "."], "is a folder"),
    ],
)
def test_metrics_that_cannot_be(
    eva: Eva, systems: tuple[Path, Path], study: Path, words: list[str], said: str
) -> None:
    files = ["--responses", systems[0], "--responses", systems[1]]
    assert said in refused(eva, "import", study, *files, *words).err


def test_metrics_without_responses(eva: Eva, study: Path) -> None:
    assert "need --responses" in refused(eva, "import", study, "--metrics", "length").err
