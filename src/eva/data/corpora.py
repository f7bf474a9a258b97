"""From a row of `corpora` to the corpus: every format that EVA reads is imported here."""

from eva.data import empathetic_dialogues, esconv  # noqa: F401 - they register their formats
from eva.data.formats import Format, format_named
from eva.data.utterances import Loaded
from eva.settings.corpora_section import Corpus


def format_of(corpus: Corpus) -> Format:
    """What is known of a corpus's format."""
    return format_named(corpus.format)


def load(corpus: Corpus) -> Loaded:
    """Read a corpus in its official format; an `InputError` lists every problem of a file."""
    return format_of(corpus).load(corpus.path)
