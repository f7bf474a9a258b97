"""The two exports in Hugging Face layout: the merged model, and the adapter beside its base."""

import shutil
from pathlib import Path
from typing import Any

from eva.artifacts import require_disk_space, write_text
from eva.compat.transformers_hooks import call_model
from eva.errors import InputError
from eva.export.source import Source
from eva.manifest import Entry, entries_of
from eva.registry.adapter_folder import save_adapter
from eva.registry.package import weights_digest
from eva.registry.serving import served

CARD = "README.md"
_OF_BASE = ("config.json", "model*.safetensors")
_INTENDED = (
    "For research on emotional support dialogue. It is not a counsellor: it can say wrong or hurtful things, "
    "and nobody in distress should be left alone with it. Its licence depends on those of its backbone and "
    "its data."
)
_USE = """\
```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained("BASE")  # the files that export.json names by digest
model = PeftModel.from_pretrained(base, "THIS_FOLDER")
tokenizer = AutoTokenizer.from_pretrained("THIS_FOLDER")  # its chat template has the system prompt
```
"""


def write_merged(source: Source, folder: Path) -> None:
    """Write the full model; of a registered version, the very bytes that are registered."""
    if source.ready:
        _copy(source.model, folder)
        return
    require_disk_space(folder, 2 * _size(source.model))
    model = served(source.model, source.adapter, source.prompt, source.decoding)
    call_model(model.model, source.name)
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    write_text(folder / CARD, _card(source, "the full model, in float32"))


def write_adapter(source: Source, folder: Path) -> None:
    """Write the LoRA adapter, and the tokenizer whose chat template has the system prompt."""
    if source.adapter is None:
        raise InputError(f"{source.name}: has no adapter; use `--format merged`")
    save_adapter(source.model, source.adapter, source.prompt, folder)
    write_text(folder / CARD, f"{_card(source, 'a LoRA adapter')}\n{_USE}")


def base_of(source: Source) -> dict[str, Any]:
    """The base that an adapter needs: one digest of all its files, and that of each file of weights."""
    files = [path for pattern in _OF_BASE for path in source.model.glob(pattern)]
    entries: dict[str, Entry] = entries_of(source.model, files)
    return {"digest": weights_digest(source.model), "files": entries}


def _copy(model: Path, folder: Path) -> None:
    files = [path for path in model.iterdir() if path.is_file()]
    require_disk_space(folder, sum(path.stat().st_size for path in files))
    for path in files:
        shutil.copyfile(path, folder / path.name)


def _size(model: Path) -> int:
    return sum(path.stat().st_size for path in model.glob("*.safetensors"))


def _card(source: Source, what: str) -> str:
    return f"# {source.name}\n\nAn empathetic language model made with EVA: {what}.\n\n{_INTENDED}\n"
