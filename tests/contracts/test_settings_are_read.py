"""Every field of the settings is read, on an object of its own class: none is accepted and ignored."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from tests.contracts.settings_reads import Reader, Types

from eva.settings.params_file import Settings
from eva.settings.section import Section, section_name

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src/eva", "pipelines", "flows")


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The settings classes in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def _models(root: type[BaseModel]) -> set[type[BaseModel]]:
    """A model, and those of its fields, and theirs."""
    found = {root}
    for field in root.model_fields.values():
        for model in set(_sections(field.annotation)) - found:
            found |= _models(model)
    return found


def _above(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [one for one in model.__mro__ if issubclass(one, BaseModel) and one not in (BaseModel, Section)]


def _fields(root: type[BaseModel]) -> dict[str, Mapping[str, Types]]:
    """Of each class and its bases: what its fields hold."""
    every = {base for model in _models(root) for base in _above(model)}
    return {
        model.__name__: {
            name: frozenset(one.__name__ for one in _sections(field.annotation))
            for name, field in model.model_fields.items()
        }
        for model in every
    }


def _unread(root: type[BaseModel], reads: set[tuple[str, str]]) -> set[str]:
    """A read on a base class counts for all that are derived from it."""
    return {
        f"{model.__name__}.{name}"
        for model in _models(root) - {root}
        for name in model.model_fields
        if not any((base.__name__, name) in reads for base in _above(model))
    }


def _sources(*, settings: bool) -> list[str]:
    """Code of the settings themselves, whose reads do not count, or all other."""
    files = [
        path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if not path.is_symlink()
    ]
    return [path.read_text(encoding="utf-8") for path in files if ("settings" in path.parts) == settings]


def _read_by_dvc(root: type[BaseModel]) -> set[tuple[str, str]]:
    """`${section.field}`, and `${item.field}` below `foreach: ${section}`."""
    sections = {
        section_name(name): list(_sections(field.annotation)) for name, field in root.model_fields.items()
    }
    found = set()
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        over = re.fullmatch(r"\$\{(\w+)\}", str(stage.get("foreach", "")))
        for section, field in re.findall(r"\$\{(\w+)\.(\w+)\}", str(stage)):
            table = over[1] if over and section == "item" else section
            found |= {(model.__name__, field) for model in sections.get(table, [])}
    return found


def test_every_field_is_read() -> None:
    code = Reader(_fields(Settings), _sources(settings=False), _sources(settings=True))
    assert not _unread(Settings, code.reads | _read_by_dvc(Settings)), "accepted and ignored"


class _Base(Section):
    seed: int
    lr: float


class _First(_Base):
    depth: int


class _Second(_Base):
    depth: int
    rows: dict[str, _First]


class _All(Section):
    first: _First
    second: _Second


READS = {
    "a parameter": ("def f(a: _First): return a.depth", {"_First.depth"}),
    "a base": ("def f(a: _Base): return a.lr", {"_First.lr", "_Second.lr"}),
    "a field's field": ("def f(s: '_All'): return s.second.depth", {"_Second.depth"}),
    "an attribute": (
        "class A:\n def __init__(self, s: _All): self.s = s\n def f(self): return self.s.first.lr",
        {"_First.lr"},
    ),
    "a variable": ("def f(s: _All):\n a = s.first if s else None\n return a.seed", {"_First.seed"}),
    "a result": ("def g() -> _Second: ...\ndef f(): return g().seed", {"_Second.seed"}),
    "a row": (
        "def f(s: _Second): return [row.depth for _, row in s.rows.items()]",
        {"_First.depth", "_Second.rows"},
    ),
    "an alias": ("T = Mapping[str, _First]\ndef f(t: T): return t['x'].lr", {"_First.lr"}),
    "another's": ("def f(job, a: _First): return job.seed + job.depth, a.model_dump(), a", set()),
}  # fmt: skip


@pytest.mark.parametrize("case", READS)
def test_a_read_is_seen_on_its_own_class_only(case: str) -> None:
    code, wanted = READS[case]
    everything = _unread(_All, set())
    assert everything - _unread(_All, Reader(_fields(_All), [code]).reads) == wanted
