"""Loading registered models to chat: from verified files, with EVA's own code and no other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import read_yaml
from eva.errors import InputError
from eva.record import mlflow_store as store
from eva.registry.model_folder import DATA
from eva.registry.stored_files import checked_folder
from eva.registry.versions import find_version

if TYPE_CHECKING:
    from eva.registry.served_chat import ChatModel

REMEDY = "`eva registry push` registers the model of this workspace, after `dvc repro` or `dvc pull`"
_LOADER = "eva.registry.served_chat"


def exact(uri: str, root: Path) -> str:
    """The address with the version number, e.g. `models:/eva/3` for `models:/eva@champion`.

    Raises:
        InputError: there is no such model, version or alias.
    """
    found = find_version(store.connect(root), uri, REMEDY)
    return f"models:/{found.name}/{found.version}"


def load(uri: str, root: Path) -> "ChatModel":
    """The registered model of an address such as `models:/eva-smollm2@champion`.

    Its files are compared with the digests taken at registration first. MLflow's own loader is not used: it
    imports whatever module a stored `MLmodel` names, and many of them unpickle.

    Raises:
        InputError: there is no such model, its files are not those that were registered, it is not a model of
            EVA, or it is an adapter whose base is not in `root`.
    """
    opened = store.connect(root)
    version = find_version(opened, uri, REMEDY)
    with checked_folder(opened, version) as folder:
        config = config_of(folder, uri)
        from eva.registry.served_chat import open_model

        return open_model(folder / DATA, config, root)


def chat(model: Any, messages: Sequence[Mapping[str, str]]) -> str:
    """The reply to `messages` (user first, user last) of a model of `load`, which has no guard of its own."""
    answer = model.predict({"messages": [dict(message) for message in messages]})
    return str(answer[0]["choices"][0]["message"]["content"])


def config_of(folder: Path, uri: str) -> dict[str, Any]:
    """How the model answers, as the stored `MLmodel` of a model of EVA has it; another model is refused."""
    told = read_yaml(folder / "MLmodel") if (folder / "MLmodel").is_file() else {}
    flavour = told.get("flavors", {}).get("python_function", {})
    if flavour.get("loader_module") != _LOADER or flavour.get("data") != DATA:
        raise InputError(
            f"{uri}: is no model of EVA (its loader is {flavour.get('loader_module')!r}), so it is not loaded"
        )
    config: dict[str, Any] = flavour["config"]
    return config
