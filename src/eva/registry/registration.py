"""Registration of a model with its lineage in the MLflow model registry, and loading it to chat.

No other module uploads weights of language models.
"""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import eva
from eva.artifacts import write_text
from eva.compat.transformers_hooks import call_model
from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.registry.promotion import Decision
from eva.registry.serving import ServingModel
from eva.registry.stored_files import seal_version
from eva.registry.versions import find_version

log = logging.getLogger(__name__)

_TASK = "llm/v1/chat"
_ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
_EXAMPLE = {"messages": [{"role": "user", "content": "I lost my job last week and cannot sleep."}]}
# What `eva.registry.served_chat` reaches.
_SERVING = ("jinja2", "mlflow", "pydantic", "pyyaml", "safetensors", "tokenizers", "torch", "transformers")


@dataclass(frozen=True)
class Registration:
    """A version in the registry; `uri` has its alias if the gate passed, else its number."""

    name: str
    version: str
    uri: str
    run_id: str
    model_id: str


def register(
    served: ServingModel,
    name: str,
    decision: Decision,
    *,
    metrics: Mapping[str, float | None],
    tags: Mapping[str, str],
    card: str,
    run_id: str,
    root: Path,
) -> Registration:
    """Upload a model as a new version of `name`; the alias is set on it only if the gate passed.

    Args:
        served: the merged model, see `eva.registry.serving.served`.
        name: name of the registered model.
        decision: the gate's decision about the alias.
        metrics: the metrics that the gate compared; they are shown with the version.
        tags: lineage: commit, digests of data and parameters, run ids of the stages, hash of the prompt.
        card: model card, Markdown with a YAML header that has the `license`.
        run_id: the run of the stage `register`, see `require_run`.
        root: the checkout.
    """
    opened = store.connect(root)
    logged = _upload(opened, served, name, card, tags, run_id)
    version = str(logged.registered_model_version)
    _describe(opened.client, name, version, decision, tags, card)
    _log_metrics(opened.client, run_id, logged.model_id, metrics)
    seal_version(opened, name, version, run_id)
    if decision.passed:
        opened.client.set_registered_model_alias(name, decision.alias, version)
    uri = f"models:/{name}@{decision.alias}" if decision.passed else f"models:/{name}/{version}"
    log.info("%s version %s: %s", name, version, uri)
    return Registration(name, version, uri, run_id, str(logged.model_id))


def exact(uri: str, root: Path) -> str:
    """The address with the version number, e.g. `models:/eva/3` for `models:/eva@candidate`.

    Raises:
        InputError: there is no such model, version or alias.
    """
    remedy = "`dvc repro register` trains what is missing and registers the model"
    found = find_version(store.connect(root), uri, remedy)
    return f"models:/{found.name}/{found.version}"


def require_run(run_id: str | None, name: str, root: Path) -> str:
    """`run_id`, the MLflow run of the stage `register`; `InputError` if MLflow could not start one."""
    if run_id is None:
        raise InputError(
            f"{name} cannot be registered: MLflow at {store.address(root)} could not be reached when the "
            "stage started; start it (`make up`) or unset MLFLOW_TRACKING_URI, then `dvc repro register`"
        )
    return run_id


def load(uri: str, root: Path) -> Any:
    """The registered model as an MLflow pyfunc; `uri` is e.g. `models:/eva-smollm2@candidate`.

    Raises:
        InputError: there is no such model, or it cannot be loaded.
    """
    numbered = exact(uri, root)
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        with _pointed_at(store.address(root)):
            return mlflow.pyfunc.load_model(numbered)
    except MlflowException as error:
        raise InputError(f"{uri}: cannot be loaded ({error.message}); register it again") from None


def chat(model: Any, messages: Sequence[Mapping[str, str]]) -> str:
    """The model's reply to `messages` (user first, user last); its chat template has the system prompt."""
    answer = model.predict({"messages": [dict(message) for message in messages]})
    return str(answer[0]["choices"][0]["message"]["content"])


def _upload(
    opened: store.Store, served: ServingModel, name: str, card: str, tags: Mapping[str, str], run_id: str
) -> Any:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.llm import CHAT_MODEL_INPUT_SCHEMA, CHAT_MODEL_OUTPUT_SCHEMA

    from eva.registry import served_chat

    with (
        _pointed_at(opened.address),
        mlflow.start_run(run_id=run_id),
        tempfile.TemporaryDirectory() as work,
    ):
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module=served_chat.__name__,
            data_path=str(_saved(served, Path(work) / "model", name, card)),
            code_paths=[str(Path(eva.__file__).parent)],
            signature=ModelSignature(CHAT_MODEL_INPUT_SCHEMA, CHAT_MODEL_OUTPUT_SCHEMA),
            input_example=_EXAMPLE,
            model_config=served.config(name),
            metadata={**tags, "task": _TASK},
            pip_requirements=_requirements(),
            registered_model_name=name,
        )


def _saved(served: ServingModel, folder: Path, name: str, card: str) -> Path:
    """The model as a plain Hugging Face folder with its card, which says nothing of this machine."""
    call_model(served.model, f"models:/{name}")
    served.model.save_pretrained(folder)
    served.tokenizer.save_pretrained(folder)
    write_text(folder / "README.md", card)
    return folder


def _requirements() -> list[str]:
    """What a served model needs, as it is here, but for the suffix of a build: no index has that."""
    return [f"{library}=={metadata.version(library).partition('+')[0]}" for library in _SERVING]


def _describe(
    client: Any, name: str, version: str, decision: Decision, tags: Mapping[str, str], card: str
) -> None:
    from huggingface_hub import ModelCard

    client.update_model_version(name, version, description=ModelCard(card).text.strip())
    outcome = "passed" if decision.passed else "refused: " + "; ".join(decision.reasons)
    for key, value in {**tags, f"gate.{decision.alias}": outcome}.items():
        client.set_model_version_tag(name, version, f"eva.{key}", value)


def _log_metrics(client: Any, run_id: str, model_id: str, metrics: Mapping[str, float | None]) -> None:
    for key, value in metrics.items():
        if value is None:  # not measured; the gate has reported it
            continue
        client.log_metric(run_id, store.metric_name(key), value, model_id=model_id)


@contextmanager
def _pointed_at(address: str) -> Iterator[None]:
    """A context in which MLflow's functions for models use the store at `address`.

    They read a process-wide address and write it into the environment. Both are restored afterwards, so
    that subprocesses and later stores do not inherit it.
    """
    import mlflow

    before = {name: os.environ.get(name) for name in _ADDRESSES}
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
