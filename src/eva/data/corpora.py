"""From a corpus's format name to its loader."""

from collections.abc import Callable, Mapping
from pathlib import Path

from eva.data.empathetic_dialogues import load_empathetic_dialogues
from eva.data.esconv import load_esconv, load_failed_esconv
from eva.data.utterances import Loaded
from eva.settings.corpora_section import Corpus

LOADERS: Mapping[str, Callable[[Path], Loaded]] = {
    "esconv": load_esconv,
    "failed_esconv": load_failed_esconv,
    "empathetic_dialogues": load_empathetic_dialogues,
}


def load(corpus: Corpus) -> Loaded:
    """Read a corpus in its official format; an `InputError` lists every problem of a file."""
    return LOADERS[corpus.format](corpus.path)
