"""A LoRA adapter without its base: its folder, and the base that it needs, known by its digest."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import read_json, write_json
from eva.errors import InputError
from eva.models.chat import check_template, end_of_turn
from eva.models.loading import check_policy, load_tokenizer
from eva.registry.package import weights_digest
from eva.registry.serving import serving_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def save_adapter(base: Path, adapter: Path, prompt: str, folder: Path) -> None:
    """Write the adapter to `folder`, with the tokenizer whose chat template has the system prompt."""
    check_policy(base, adapter)
    folder.mkdir(parents=True, exist_ok=True)
    config = read_json(adapter / _CONFIG)
    write_json(folder / _CONFIG, {**config, "base_model_name_or_path": None})  # a place on this machine
    shutil.copyfile(adapter / _WEIGHTS, folder / _WEIGHTS)
    tokenizer = load_tokenizer(base)
    check_template(tokenizer)
    tokenizer.chat_template = serving_template(tokenizer, prompt)
    tokenizer.save_pretrained(folder)
    _generation(tokenizer).save_pretrained(folder)


def base_folder(base: Mapping[str, str], root: Path) -> Path:
    """The folder of the base of an adapter, given by its `path` in the repository and its `digest`.

    Raises:
        InputError: it is not there, or is another model.
    """
    folder = root / base["path"]
    remedy = f"`dvc pull {base['path']}` brings it, where the commit of the version is checked out"
    if not folder.is_dir():
        raise InputError(
            f"this version is an adapter alone, and its base {base['path']} is missing; {remedy}"
        )
    if (found := weights_digest(folder)) != base["digest"]:
        raise InputError(
            f"this version is an adapter of the base with the digest {base['digest']}, but {base['path']} is "
            f"another model ({found}); {remedy}"
        )
    return folder


def _generation(tokenizer: "PreTrainedTokenizerBase") -> Any:
    """The tokens that end and pad what is generated, as `eva serve` has them."""
    from transformers import GenerationConfig

    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=end_of_turn(tokenizer).id,
        pad_token_id=tokenizer.pad_token_id,
    )
