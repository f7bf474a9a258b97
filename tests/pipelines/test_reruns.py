"""What `dvc status` says after an edit: the stages that reach the edited file, and no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pipelines.conftest import Clone

pytestmark = pytest.mark.slow

NOT_REACHED = (
    "pipelines/runner.py", "pipelines/declared.py", "pipelines/__main__.py", "src/eva/registry/pushing.py",
    "src/eva/cli/score_command.py", "src/eva/human/agreement.py",
)  # fmt: skip


@pytest.fixture
def clone(finished: Clone) -> Iterator[Clone]:
    """`finished`, with the files that a test names put back afterwards."""
    files = [path for name in ("src", "pipelines") for path in (finished.root / name).rglob("*.*")]
    before = {path: path.read_bytes() for path in files if path.is_file() and not path.is_symlink()}
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
        ("src/eva/validation/result_page.html.jinja", {"validate", "preferences"}),
        ("src/eva/settings/report_section.py", {"report"}),
        ("src/eva/training/saving.py", {"sft", "dpo"}),
        ("src/eva/scorers/scorecard.py", {"level_classifier", "epitome", "evaluate", "people"}),
    ],
)
def test_an_edit_makes_stale_what_reaches_it(clone: Clone, file: str, stages: set[str]) -> None:
    clone.append(file, "\n")
    assert clone.stale() == stages


def test_the_runner_what_records_and_what_only_commands_use_make_nothing_stale(clone: Clone) -> None:
    for path in sorted((clone.root / "src/eva/record").glob("*.py")):
        clone.append(path.relative_to(clone.root).as_posix(), "\n")
    for name in NOT_REACHED:
        clone.append(name, "\n# a comment\n")
    assert clone.stale() == set()


def test_every_stage_follows_from_an_edit_of_what_all_use(clone: Clone, root: Path) -> None:
    clone.append("src/eva/artifacts.py", "\n")
    stages = {path.name for path in (root / "pipelines" / "code").iterdir()}
    assert clone.stale() == stages - {"collect", "curate"}  # no rows of theirs in params.yaml
