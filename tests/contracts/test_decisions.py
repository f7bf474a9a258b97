"""Decisions that code and docs cite are there, and the list of them is complete."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "adr"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
NUMBERS = {int(path.name[:4]) for path in RECORDS}
CITING = [
    path
    for top in ("src", "flows", "pipelines", "tests", "docs", "benchmarks")
    for path in (ROOT / top).rglob("*")
    if path.suffix in {".py", ".md", ".yaml"} and not path.is_symlink() and path != Path(__file__)
]


def test_every_cited_decision_is_there() -> None:
    cited = {
        (int(number), path.relative_to(ROOT).as_posix())
        for path in CITING
        for citation in re.findall(r"\bADRs? (\d+(?:(?:,| to| and) \d+)*)", path.read_text(encoding="utf-8"))
        for number in re.findall(r"\d+", citation)
    }
    assert len(cited) > 10, "the pattern finds no citations"
    assert not [(number, where) for number, where in cited if number not in NUMBERS]


def test_no_citation_of_an_unnumbered_list() -> None:
    assert not [
        p for p in CITING if re.search(r"(?i)\bdesign\s+decisions? \d", p.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_title_and_list_agree(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    found = re.fullmatch(r"# (\d+)\. (.+)", first)
    assert found and int(found[1]) == int(path.name[:4])
    assert f"| [{found[1]}]({path.name}) | {found[2]} |" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_no_number_is_taken_twice() -> None:
    assert len(NUMBERS) == len(RECORDS)
