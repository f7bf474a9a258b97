"""Writing one export: everything under another name first, then its manifest, then one renaming."""

from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from eva.artifacts import digest_file, new_folder, write_json
from eva.errors import InputError
from eva.export.checking import ABOUT
from eva.export.drift import Drift, measure, require_runner
from eva.export.formats import Format, Precision
from eva.export.gguf_export import write_ollama
from eva.export.hugging_face import base_of, write_adapter, write_merged
from eva.export.sbom import bill_of_materials
from eva.export.source import Source, opened
from eva.manifest import NAME, seal
from eva.registry.package import weights_digest

DRIFT, BILL = "drift.json", "sbom.cdx.json"


@dataclass(frozen=True)
class Order:
    """What to make of a model: the form, how GGUF stores weights, and whether to measure the drift."""

    form: Format
    precision: Precision = Precision.f16
    measured: bool = False


@dataclass(frozen=True)
class Exported:
    """A finished export: what was exported, how many files and bytes, and the digest of the manifest."""

    source: str
    files: int
    size: int
    manifest: str
    drift: Drift | None


def export(model: str, order: Order, out: Path, root: Path) -> Exported:
    """Export a registered version or a folder of a stage to the new folder `out`.

    Raises:
        InputError: `out` exists, the model cannot be exported so, or nothing that is installed can run the
            export to measure it; then nothing was written.
    """
    if out.exists():
        raise InputError(f"{out}: exists already, and an export overwrites nothing; give another folder")
    if order.measured:
        require_runner(order.form)
    with opened(model, order.form is Format.adapter, root) as source, new_folder(out) as folder:
        _write(source, order, folder)
        write_json(folder / ABOUT, _about(source, order))
        write_json(folder / BILL, bill_of_materials(source.name, weights_digest(source.model)))
        drift = measure(source, order.form, folder) if order.measured else None
        if drift is not None:
            write_json(folder / DRIFT, asdict(drift))
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in files:
            path.chmod(0o644)  # some libraries write files that only their owner may read
        seal(folder, files)
        size = sum(path.stat().st_size for path in files)
        return Exported(source.name, len(files), size, digest_file(folder / NAME), drift)


def _write(source: Source, order: Order, folder: Path) -> None:
    if order.form is Format.merged:
        write_merged(source, folder)
    elif order.form is Format.adapter:
        write_adapter(source, folder)
    else:
        write_ollama(source, folder, order.precision)


def _about(source: Source, order: Order) -> dict[str, Any]:
    """What a stranger must know of the files, and nothing of this machine."""
    return {
        "format": order.form.value,
        "precision": order.precision.value if order.form is Format.gguf else "f32",
        "source": source.name,
        "eva": metadata.version("eva-mlops"),
        "prompt": source.prompt,
        "decoding": source.decoding.model_dump(mode="json"),
        "model": weights_digest(source.model),
        "adapter": weights_digest(source.adapter) if source.adapter else None,
        "base": base_of(source) if order.form is Format.adapter else None,
    }
