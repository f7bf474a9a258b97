"""The export for llama.cpp and Ollama: one GGUF file, and a Modelfile beside it."""

import shutil
from pathlib import Path

from eva.artifacts import write_text
from eva.export.formats import Precision
from eva.export.gguf_file import require_writable, write_gguf
from eva.export.hugging_face import CARD, write_merged
from eva.export.modelfile import modelfile
from eva.export.source import Source
from eva.models.loading import load_tokenizer

WEIGHTS, MODELFILE = "model.gguf", "Modelfile"


def write_ollama(source: Source, folder: Path, precision: Precision) -> None:
    """Write the GGUF file, the Modelfile and the card; the merged model is there only meanwhile.

    Raises:
        InputError: llama.cpp or Ollama could not read the model as it was trained.
    """
    if source.ready:
        _write(source, source.model, folder, precision)
        return
    require_writable(source.model, source.name)
    merged = folder / "merged"
    merged.mkdir()
    write_merged(source, merged)
    _write(source, merged, folder, precision)
    shutil.rmtree(merged)


def _write(source: Source, merged: Path, folder: Path, precision: Precision) -> None:
    tokenizer = load_tokenizer(merged, source.name)
    write_text(folder / MODELFILE, modelfile(tokenizer, source.prompt, source.decoding, WEIGHTS))
    shutil.copyfile(merged / CARD, folder / CARD)
    write_gguf(merged, folder / WEIGHTS, source.name, precision)
