"""The MLflow model of a package: the merged weights, EVA's code, the card and what serving needs."""

import logging
from importlib import metadata
from pathlib import Path
from typing import Any

import eva
from eva.artifacts import write_text
from eva.compat.transformers_hooks import call_model
from eva.errors import InputError
from eva.registry.adapter_folder import save_adapter
from eva.registry.package import Package
from eva.registry.served_guard import FOLDER, guard_config, store_guard
from eva.registry.serving import ServingModel, served

log = logging.getLogger(__name__)

DATA = "data/model"  # the plain Hugging Face folder in a registered model
_TASK = "llm/v1/chat"
_EXAMPLE = {"messages": [{"role": "user", "content": "I lost my job last week and cannot sleep."}]}
# What `eva.registry.served_chat` reaches.
SERVING = ("jinja2", "mlflow", "pydantic", "pyyaml", "safetensors", "tokenizers", "torch", "transformers")


def build_model(package: Package, card: str, folder: Path, root: Path) -> Path:
    """Write the package's model with its guard to `folder` as MLflow loads it: merged, or the adapter alone.

    Equal packages give equal weights, byte by byte. Returns `folder`.
    """
    data = folder.parent / "plain" / DATA.rpartition("/")[2]
    write = _write_adapter if package.form == "adapter" else _write_merged
    _save(write(package, card, data, root), package, data, folder)
    if package.guard:
        store_guard(package.guard, root, (folder / DATA).with_name(FOLDER))
    return folder


def _write_merged(package: Package, card: str, data: Path, root: Path) -> dict[str, Any]:
    """Write the full model; returns what `eva.registry.served_chat` is told of it."""
    log.info("merging %s", package.name)
    adapter = root / package.adapter.path if package.adapter else None
    model = served(root / package.model.path, adapter, package.prompt, package.decoding)
    save_plain(model, data, package.name, card)
    return model.config(package.name)


def _write_adapter(package: Package, card: str, data: Path, root: Path) -> dict[str, Any]:
    """Write the adapter; returns what `eva.registry.served_chat` is told of it, and which base it needs."""
    if package.adapter is None:
        raise InputError(f"{package.name}: has no adapter to register alone; set `register.form: merged`")
    save_adapter(root / package.model.path, root / package.adapter.path, package.prompt, data)
    write_text(data / "README.md", card)
    told = {"name": package.name, "prompt": package.prompt, "generate": package.generate}
    return {**told, "base": {"path": package.model.path, "digest": package.model.digest}}


def save_plain(model: ServingModel, folder: Path, name: str, card: str) -> None:
    """Write the model as a plain Hugging Face folder with its card, which says nothing of this machine."""
    call_model(model.model, f"models:/{name}")
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    write_text(folder / "README.md", card)


def _save(config: dict[str, Any], package: Package, data: Path, folder: Path) -> None:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.llm import CHAT_MODEL_INPUT_SCHEMA, CHAT_MODEL_OUTPUT_SCHEMA

    from eva.registry import served_chat

    mlflow.pyfunc.save_model(
        folder,
        loader_module=served_chat.__name__,
        data_path=str(data),
        code_paths=[str(Path(eva.__file__).parent)],
        signature=ModelSignature(CHAT_MODEL_INPUT_SCHEMA, CHAT_MODEL_OUTPUT_SCHEMA),
        input_example=_EXAMPLE,
        model_config={**config, **({"guard": guard_config(package.guard)} if package.guard else {})},
        metadata={"task": _TASK, "identity": package.identity, **package.axes},
        pip_requirements=requirements(),
    )


def requirements() -> list[str]:
    """What a served model needs, as it is here, but for the suffix of a build: no index has that."""
    return [f"{library}=={metadata.version(library).partition('+')[0]}" for library in SERVING]
