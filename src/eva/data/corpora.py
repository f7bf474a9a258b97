"""Loading of the corpus that a row of `corpora` names; the modules of all formats are imported here."""

from eva.data import empathetic_dialogues, esconv  # noqa: F401 - importing registers their formats
from eva.data.formats import Format, format_named
from eva.data.utterances import Loaded
from eva.settings.corpora_section import Corpus


def format_of(corpus: Corpus) -> Format:
    """The format of a corpus."""
    return format_named(corpus.format)


def load(corpus: Corpus) -> Loaded:
    """Read a corpus in its official format; an `InputError` lists every problem of a file."""
    return format_of(corpus).load(corpus.path)
