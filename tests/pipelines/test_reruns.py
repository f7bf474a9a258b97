"""What `dvc status` says after an edit: the stages that reach the edited file, and no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pipelines.conftest import Clone

pytestmark = pytest.mark.slow

TRAINS = {"sft", "dpo", "level_classifier", "epitome"}


@pytest.fixture
def clone(finished: Clone) -> Iterator[Clone]:
    """`finished`, with the files that a test names put back afterwards."""
    before = {path: path.read_bytes() for path in (finished.root / "src").rglob("*.*") if path.is_file()}
    yield finished
    for path, content in before.items():
        if path.read_bytes() != content:
            path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("src/eva/report/page.css", {"report"}),
        ("src/eva/report/page.html.jinja", {"report"}),
        ("src/eva/registry/model_card.py", {"register"}),
        ("src/eva/record/mlflow_store.py", set()),
        ("src/eva/registry/pushing.py", set()),
        ("src/eva/validation/result_page.html.jinja", {"validate", "preferences"}),
        ("src/eva/settings/report_section.py", {"report"}),
        ("src/eva/cli/score_command.py", set()),
        ("src/eva/human/agreement.py", set()),
        ("src/eva/training/saving.py", {"sft", "dpo"}),
        ("src/eva/scorers/scorecard.py", {"level_classifier", "epitome", "evaluate", "people"}),
    ],
)
def test_an_edit_makes_stale_what_reaches_it(clone: Clone, file: str, stages: set[str]) -> None:
    clone.append(file, "\n")
    assert clone.stale() == stages


@pytest.mark.parametrize("file", ["pipelines/runner.py", "pipelines/declared.py", "pipelines/__main__.py"])
def test_an_edit_of_the_runner_makes_nothing_stale(finished: Clone, file: str) -> None:
    before = (finished.root / file).read_text()
    finished.append(file, "# a comment\n")
    assert finished.stale() == set()
    (finished.root / file).write_text(before)


def test_nothing_that_records_can_make_a_stage_stale(clone: Clone) -> None:
    for path in sorted((clone.root / "src/eva/record").glob("*.py")):
        clone.append(path.relative_to(clone.root).as_posix(), "\n")
    assert clone.stale() == set()


def test_every_stage_follows_from_an_edit_of_what_all_use(clone: Clone, root: Path) -> None:
    clone.append("src/eva/artifacts.py", "\n")
    stages = {path.name for path in (root / "pipelines" / "code").iterdir()}
    assert clone.stale() == stages - {"collect", "curate"}  # no rows of theirs in params.yaml
