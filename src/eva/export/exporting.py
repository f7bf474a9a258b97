"""Writing one export: everything under another name first, then its manifest, then one renaming."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from eva.artifacts import digest_file, new_folder, write_json
from eva.errors import InputError
from eva.export import hugging_face
from eva.export.checking import ABOUT
from eva.export.formats import Format
from eva.export.source import Source, opened
from eva.manifest import NAME, seal
from eva.registry.package import weights_digest


@dataclass(frozen=True)
class Exported:
    """A finished export: what was exported, how many files and bytes, and the digest of the manifest."""

    source: str
    files: int
    size: int
    manifest: str


_WRITERS: dict[Format, Callable[[Source, Path], None]] = {
    Format.merged: hugging_face.write_merged,
    Format.adapter: hugging_face.write_adapter,
}


def export(model: str, kind: Format, out: Path, root: Path) -> Exported:
    """Export a registered version or a folder of a stage to the new folder `out`.

    Raises:
        InputError: `out` exists, or the model cannot be exported so; then nothing was written.
    """
    if out.exists():
        raise InputError(f"{out}: exists already, and an export overwrites nothing; give another folder")
    with opened(model, kind is Format.adapter, root) as source, new_folder(out) as folder:
        _WRITERS[kind](source, folder)
        write_json(folder / ABOUT, _about(source, kind))
        files = [path for path in folder.rglob("*") if path.is_file()]
        seal(folder, files)
        size = sum(path.stat().st_size for path in files)
        return Exported(source.name, len(files), size, digest_file(folder / NAME))


def _about(source: Source, kind: Format) -> dict[str, Any]:
    """What a stranger must know of the files, and nothing of this machine."""
    return {
        "format": kind.value,
        "source": source.name,
        "eva": metadata.version("eva-mlops"),
        "prompt": source.prompt,
        "decoding": source.decoding.model_dump(mode="json"),
        "model": weights_digest(source.model),
        "adapter": weights_digest(source.adapter) if source.adapter else None,
        "base": hugging_face.base_of(source) if kind is Format.adapter else None,
    }
