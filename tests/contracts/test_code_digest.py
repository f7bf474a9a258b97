"""The digest that keys stored results changes with the code that computes them, and with nothing else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from eva import code_digest as digests
from eva.code_digest import code_digest

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Change a line of a copy of the package, which is then the one that is digested."""
    copies = iter(range(99))

    def change(file: str, before: str, after: str) -> None:
        copy = tmp_path / str(next(copies))
        shutil.copytree(digests.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        text = (copy / file).read_text()
        assert before in text, f"{file} has no {before!r} any more"
        (copy / file).write_text(text.replace(before, after, 1))
        monkeypatch.setattr(digests, "PACKAGE", copy)

    return change


def _package(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _digest(root: Path, **changes: str) -> str:
    files = {
        "model": 'from eva.parts import layer\nfrom typing import TYPE_CHECKING\n"""Doc."""\nx = layer.y\n'
        "if TYPE_CHECKING:\n    from eva.unrelated import Z\n",
        "parts__layer": 'def y() -> int:\n    """Doc."""\n    from .deep import z\n    return z\n',
        "parts__deep": "z = 1\n",
        "unrelated": "Z = 1\n",
        "errors": "E = 1\n",
    }
    root = root / str(len(list(root.iterdir())))
    return digests._digest(("eva.model",), _package(root, **{**files, **changes}))


def test_only_reached_code_counts_and_only_what_runs(tmp_path: Path) -> None:
    original = _digest(tmp_path)
    assert original == _digest(tmp_path, unrelated="Z = 2\n", errors="E = 2\n")
    assert original == _digest(tmp_path, parts__deep="# why\nz = (\n    1\n)\n")
    reworded = 'def y() -> int:\n    """Other words."""\n    # why\n    from .deep import z\n    return z\n'
    assert original == _digest(tmp_path, parts__layer=reworded)
    assert original != _digest(tmp_path, parts__deep="z = 2\n")
    assert original != _digest(tmp_path, parts__layer="def y() -> int:\n    return 1\n")


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"eva\.no_such_thing"):
        code_digest("eva.no_such_thing")


@pytest.mark.parametrize("file", ["report/markdown.py", "record/records.py", "cli/score_command.py"])
def test_code_elsewhere_does_not_count(edit: Edit, file: str) -> None:
    before = code_digest("eva.training.dpo_trainer", "eva.generation.decode")
    edit(file, "\nfrom ", "\nCHANGED = 1\nfrom ")
    assert code_digest("eva.training.dpo_trainer", "eva.generation.decode") == before


@pytest.mark.parametrize(
    ("module", "file", "line", "changed"),
    [
        (
            "eva.training.dpo_trainer",
            "training/dpo_trainer.py",
            "beta=settings.beta",
            "beta=2 * settings.beta",
        ),
        ("eva.training.dpo_trainer", "training/length_groups.py", "<< 20", "<< 21"),
        ("eva.generation.decode", "generation/sampling.py", "cumsum", "cumprod"),
    ],
    ids=["loss", "order", "sampler"],
)
def test_changed_computation_gives_another_digest(
    edit: Edit, module: str, file: str, line: str, changed: str
) -> None:
    before = code_digest(module)
    edit(file, "\n\n", "\n\n# why it is so, in other words\n")
    assert code_digest(module) == before
    edit(file, line, changed)
    assert code_digest(module) != before
