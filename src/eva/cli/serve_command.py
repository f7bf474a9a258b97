"""`eva serve`: a registered model over HTTP, with the guard in front and a page to chat with it."""

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eva.errors import InputError

if TYPE_CHECKING:
    from eva.scorers.trained import Scorers
    from eva.serving.app import Server
    from eva.settings.params_file import Settings

PARAMS = Path("params.yaml")
SCORERS = Path("models")
_HERE = ["127.0.0.1", "localhost", "[::1]"]
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - of these a request does not name the address


def serve(
    model: Annotated[
        str | None,
        typer.Option(help="models:/NAME@ALIAS or models:/NAME/VERSION; by default of section `register`"),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(help="folder of the backbone to compare with; by default that of section `register`"),
    ] = None,
    scorers: Annotated[
        Path | None, typer.Option(help="folder with level_classifier/, to label replies; by default `models`")
    ] = None,
    host: Annotated[str, typer.Option(help="address to listen on; other than 127.0.0.1: open to others")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="port to listen on")] = 8080,
) -> None:
    """Serve a registered model: OpenAI's chat completions at /v1, and a page to chat with it.

    A message about suicide, self-harm or danger gets a text that says where to find help instead of a reply.
    """
    import uvicorn

    from eva.serving.app import application
    from eva.settings.params_file import read_settings

    settings = read_settings(PARAMS)
    server = _server(settings, model, base, scorers)
    named = f"[{host}]" if ":" in host else host
    if named not in _HERE:
        print(f"{host} is open to other machines: put a proxy with authentication in front")
    print(f"{server.answering.models.served}: page http://{named}:{port}/, API http://{named}:{port}/v1")
    logging.getLogger("eva").setLevel(logging.INFO)
    names = ["*"] if host in _EVERYWHERE else [*_HERE, named]
    uvicorn.run(application(server, names), host=host, port=port, log_level="warning")


def _server(settings: "Settings", model: str | None, base: Path | None, scorers: Path | None) -> "Server":
    from eva.cli.safety_commands import detector_for_chat
    from eva.registry import registration as registry
    from eva.safety.notices import REFERRAL
    from eva.serving.answering import Answering
    from eva.serving.app import Server
    from eva.serving.models import Models
    from eva.serving.reply_labels import ReplyLabels
    from eva.serving.stored import Conversations

    row, bounds = settings.register_, settings.serve
    detector, note = detector_for_chat(settings)
    if note is not None:
        print(note)
    served = registry.exact(model or f"models:/{row.name}", Path.cwd())
    folder = _base_folder(base, Path("models/backbone") / row.backbone)
    name = served.removeprefix("models:/")
    models = Models(
        name, partial(_versions, name.partition("/")[0]), partial(_load, folder, settings), folder is not None
    )
    labels = ReplyLabels(_scorers(scorers))
    answering = Answering(models, detector, settings.chat.referral or REFERRAL, labels)
    print(f"loading {name}", flush=True)
    models.get(name)
    return Server(answering, bounds, Conversations(bounds.store).keep if bounds.store else None)


def _base_folder(given: Path | None, usual: Path) -> Path | None:
    if given is not None and not (given / "config.json").is_file():
        raise InputError(f"--base {given}: is no folder of a model (no config.json)")
    return given or (usual if (usual / "config.json").is_file() else None)


def _scorers(given: Path | None) -> "Scorers | None":
    from eva.errors import raise_if
    from eva.scorers.trained import Scorers

    if given is None and not (SCORERS / "level_classifier").is_dir():
        print("no models/level_classifier: replies get no level (`dvc repro level_classifier` trains it)")
        return None
    found = Scorers.below(given or SCORERS)
    raise_if(found.problems(["level"]), str(given or SCORERS))
    return found


def _versions(name: str) -> dict[str, list[str]]:
    """All versions of a registered model with their aliases."""
    from eva.record import mlflow_store
    from eva.registry.versions import versions_of

    opened = mlflow_store.connect(Path.cwd())
    aliases = opened.client.get_registered_model(name).aliases
    return {
        f"{name}/{one.version}": sorted(key for key, version in aliases.items() if version == one.version)
        for one in versions_of(opened, name)
    }


def _load(base: Path | None, settings: "Settings", name: str) -> Any:
    from eva.registry import registration as registry
    from eva.registry.served_chat import ChatModel
    from eva.serving.models import BASE

    if name == BASE and base is not None:
        return ChatModel(base, BASE, settings.generate, "eva")
    return registry.load(f"models:/{name}", Path.cwd())
