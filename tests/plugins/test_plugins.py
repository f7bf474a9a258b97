"""Modules of a user's own: imported, named by digest, and refused with file and line."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eva.data.formats import corpus_format
from eva.errors import InputError
from eva.plugins import load_plugins


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder of plugins; what is imported from it is forgotten again."""
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if "own" in name.split("_"):
            del sys.modules[name]


def test_every_module_and_package_is_imported_once_and_nothing_is_written(folder: Path) -> None:
    (folder / "own_one.py").write_text("import _own_shared\nSEEN = _own_shared.LOG.append('one')\n")
    (folder / "own_two").mkdir()
    (folder / "own_two" / "__init__.py").write_text("import _own_shared\n_own_shared.LOG.append('two')\n")
    (folder / "_own_shared.py").write_text("LOG = []\n")
    before = sorted(path.name for path in folder.rglob("*"))
    first = load_plugins(folder)
    assert set(first) == {"_own_shared", "own_one", "own_two"}
    assert load_plugins(folder) == first
    assert sys.modules["_own_shared"].LOG == ["one", "two"]
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_a_digest_follows_the_content(folder: Path) -> None:
    (folder / "own_three.py").write_text("import _own_common\n")
    (folder / "_own_common.py").write_text("A = 1\n")
    first = load_plugins(folder)
    (folder / "own_three.py").write_text("import _own_common as own\n")
    second = load_plugins(folder)
    (folder / "_own_common.py").write_text("A = 2\n")
    assert len({str(one) for one in (first, second, load_plugins(folder))}) == 3


def test_all_that_cannot_be_imported_is_one_message(folder: Path) -> None:
    (folder / "own_four.py").write_text("def f():\n    return missing\n\n\nf()\n")
    (folder / "own_five.py").write_text("def f(:\n")
    (folder / "json.py").write_text("A = 1\n")
    (folder / "own_six.py").write_text("import eva.no_such_module\n")
    with pytest.raises(InputError) as caught:
        load_plugins(folder)
    message = str(caught.value)
    assert "4 problems" in message
    assert "own_four.py: own_four.py, line 2: NameError: name 'missing' is not defined" in message
    assert "own_five.py: SyntaxError: invalid syntax (own_five.py, line 1)" in message
    assert "json.py: Python has another module json" in message
    assert "own_six.py: own_six.py, line 1: ModuleNotFoundError" in message


def test_a_strategy_without_a_level_is_refused() -> None:
    with pytest.raises(ValueError, match="'own_talks': strategies without a level: Empathise"):
        corpus_format("own_talks", emotions=("calm",), strategies=("Question", "Empathise"))


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder for plugins"):
        load_plugins(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from eva.metrics.catalogue import metric\nmetric('length/words', family='length', unit='words', "
         "definition='Words.', higher_is_better=None)(len)\n", "'length/words' is already registered"),
        ("from eva.metrics.catalogue import metric\nmetric('own/x', family='own', unit='x', definition='X.', "
         "higher_is_better=None, needs=('nothing',))(len)\n", "needs ['nothing']; known:"),
        ("from eva.data.formats import corpus_format\ncorpus_format('esconv', emotions=())(len)\n",
         "corpus format 'esconv' is already read by"),
    ],
    ids=["metric", "needs", "format"],
)  # fmt: skip
def test_what_cannot_be_registered_is_refused_with_its_line(folder: Path, code: str, said: str) -> None:
    import eva.data.corpora
    import eva.metrics.families  # noqa: F401 - names are taken by them

    (folder / "own_seven.py").write_text(code)
    with pytest.raises(InputError, match=r"own_seven.py, line 2: ValueError: .*") as caught:
        load_plugins(folder)
    assert said in str(caught.value)
