"""The MLflow model of a package: the merged weights, EVA's code, the card and what serving needs."""

import logging
from importlib import metadata
from pathlib import Path
from typing import Any

import eva
from eva.artifacts import write_text
from eva.compat.transformers_hooks import call_model
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
    """Merge the package's model, and write it with its guard to `folder` as MLflow loads it.

    Equal packages give equal weights, byte by byte. Returns `folder`.
    """
    log.info("merging %s", package.name)
    adapter = root / package.adapter.path if package.adapter else None
    model = served(root / package.model.path, adapter, package.prompt, package.decoding)
    data = folder.parent / "plain" / DATA.rpartition("/")[2]
    save_plain(model, data, package.name, card)
    _save(model, package, data, folder)
    if package.guard:
        store_guard(package.guard, root, (folder / DATA).with_name(FOLDER))
    return folder


def save_plain(model: ServingModel, folder: Path, name: str, card: str) -> None:
    """Write the model as a plain Hugging Face folder with its card, which says nothing of this machine."""
    call_model(model.model, f"models:/{name}")
    model.model.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    write_text(folder / "README.md", card)


def _save(model: ServingModel, package: Package, data: Path, folder: Path) -> None:
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
        model_config=_config(model, package),
        metadata={"task": _TASK, "identity": package.identity, **package.axes},
        pip_requirements=requirements(),
    )


def _config(model: ServingModel, package: Package) -> dict[str, Any]:
    guard = {"guard": guard_config(package.guard)} if package.guard else {}
    return {**model.config(package.name), **guard}


def requirements() -> list[str]:
    """What a served model needs, as it is here, but for the suffix of a build: no index has that."""
    return [f"{library}=={metadata.version(library).partition('+')[0]}" for library in SERVING]
