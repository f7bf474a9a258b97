"""Corpora with a byte-order mark, or gzipped under their own name, are read as the plain ones are."""

import codecs
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eva.data.empathetic_dialogues import load_empathetic_dialogues
from eva.data.epitome import load_epitome
from eva.data.esconv import load_esconv
from eva.data.evad import load_evad

LOADERS: dict[str, Callable[[Path], Any]] = {
    "esconv": lambda folder: load_esconv(folder).splits,
    "empathetic_dialogues": lambda folder: load_empathetic_dialogues(folder).splits,
    "evad": lambda folder: load_evad(folder / "EVAD.json"),
    "epitome": lambda folder: [load_epitome(folder, mechanism) for mechanism in ("ip", "ex", "er")],
}


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize(
    "packed",
    [lambda raw: codecs.BOM_UTF8 + raw, gzip.compress, lambda raw: gzip.compress(codecs.BOM_UTF8 + raw)],
    ids=["byte-order mark", "gzip", "both"],
)
def test_the_same_dialogues(
    name: str, packed: Callable[[bytes], bytes], sample: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(sample / name, tmp_path / name))
    for path in (one for one in folder.rglob("*") if one.suffix in {".json", ".csv"}):
        path.write_bytes(packed(path.read_bytes()))
    assert LOADERS[name](folder) == LOADERS[name](sample / name)
