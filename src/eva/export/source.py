"""The model that is to be exported: a registered version, or a folder that a stage wrote."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.errors import InputError
from eva.models.loading import Policy, Start
from eva.record import mlflow_store as store
from eva.registry.champion import PLACE
from eva.registry.model_folder import DATA
from eva.registry.package import PACKAGE, Package, read_package
from eva.registry.registration import REMEDY, config_of
from eva.registry.stored_files import checked_folder
from eva.registry.uploading import IDENTITY
from eva.registry.versions import find_version
from eva.settings.generate_section import Generate
from eva.settings.params_file import read_settings

REGISTERED = "models:/"
_PARAMS = "params.yaml"


@dataclass(frozen=True)
class Source:
    """A model to export.

    Attributes:
        name: its address with the version number, or its folder; never a path of this machine.
        model: the folder of the full model.
        adapter: the LoRA adapter on it, or None.
        prompt: name of the prompt that it answers to.
        decoding: how it was evaluated.
        ready: whether `model` is served as it is: no adapter to merge, the system prompt in its template.
    """

    name: str
    model: Path
    adapter: Path | None
    prompt: str
    decoding: Generate
    ready: bool = False


@contextmanager
def opened(model: str, apart: bool, root: Path) -> Iterator[Source]:
    """The model of an address such as `models:/eva@champion`, or of a folder; its files are checked.

    `apart` asks for base and adapter, which a registry does not have: it holds merged weights. They are
    then those of this workspace, if they are the very files that the version was made of.

    Raises:
        InputError: there is no such model, or its files are not those that were registered.
    """
    if not model.startswith(REGISTERED):
        yield _of_folder(Path(model), root)
        return
    registry = store.connect(root)
    version = find_version(registry, model, REMEDY)
    name = f"{REGISTERED}{version.name}/{version.version}"
    if apart:
        yield _of_package(_package(registry, version, name), name, root)
        return
    with checked_folder(registry, version) as folder:
        config = config_of(folder, name)
        if "base" in config:  # an adapter alone: what it is merged with is in this workspace
            yield _of_package(_package(registry, version, name), name, root)
            return
        decoding = Generate.model_validate(config["generate"])
        yield Source(name, folder / DATA, None, str(config["prompt"]), decoding, ready=True)


def _package(registry: store.Store, version: Any, name: str) -> Package:
    """What a version was made of, as its push recorded it; refused if it is not what the version is."""
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as work:
        try:
            found = registry.client.download_artifacts(version.run_id, f"{PLACE}/{PACKAGE}", work)
        except (MlflowException, OSError) as error:
            raise InputError(f"{name}: has no {PLACE}/{PACKAGE} ({error}); {REMEDY}") from None
        package = read_package(Path(found).parent)
    if package.identity != version.tags.get(IDENTITY):
        raise InputError(f"{name}: its {PACKAGE} was changed after it was registered; register it again")
    return package


def _of_package(package: Package, name: str, root: Path) -> Source:
    if package.adapter is None:
        raise InputError(f"{name}: has no adapter, all its weights were trained; use `--format merged`")
    package.require_files(root)
    adapter = root / package.adapter.path
    return Source(name, root / package.model.path, adapter, package.prompt, package.decoding)


def _of_folder(folder: Path, root: Path) -> Source:
    policy = _policy(folder)
    if policy.inapplicable:
        raise InputError(f"{folder}: has no model ({policy.inapplicable}); choose another variant")
    adapter = root / policy.adapter if policy.adapter else None
    decoding = read_settings(root / _PARAMS).generate
    return Source(_name(folder, root), root / policy.model, adapter, policy.prompt, decoding)


def _policy(folder: Path) -> Policy:
    """What a folder says of its model: that of stage `dpo`, of `sft`, or any folder of a full model."""
    if (folder / "policy.json").is_file():
        return Policy.read(folder / "policy.json")
    if (folder / "start.json").is_file():
        start = Start.read(folder / "start.json")
        return Policy(start.model, None, "eva", start.fingerprint, start.inapplicable)
    if (folder / "config.json").is_file():
        return Policy(str(folder), None, "eva", None)
    fault = "has no policy.json, start.json or config.json" if folder.is_dir() else "no such folder"
    raise InputError(
        f"{folder}: {fault}; give models:/NAME@ALIAS, a folder below models/dpo or models/sft, "
        "or a folder of a full model"
    )


def _name(folder: Path, root: Path) -> str:
    whole, top = folder.resolve(), root.resolve()
    return whole.relative_to(top).as_posix() if whole.is_relative_to(top) else whole.name
