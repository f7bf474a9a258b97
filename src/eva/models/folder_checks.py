"""Checks that the files of a model folder fit each other: architecture, weights, tokenizer, chat template.

Every file can be valid while the folder as a whole is not usable: embeddings with fewer rows than the
tokenizer has tokens would fail in the middle of a training.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from eva.artifacts import read_json
from eva.errors import InputError, raise_if
from eva.models.chat_form import PROBE, chat_form
from eva.models.loading import load_tokenizer, model_problems
from eva.models.template import check_template, encode
from eva.models.weights import skeleton

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")


def check_folder(folder: Path, role: str, name: str) -> "PreTrainedTokenizerBase":
    """Check a model folder for `role` (`causal` or `encoder`); returns its tokenizer.

    `name` is the name of the model in messages.

    Raises:
        InputError: files are missing, unreadable, or do not fit each other; all problems are listed.
    """
    raise_if(model_problems(folder), name)
    problems: list[str] = []
    body = _tried(lambda: _body(folder, role), problems)
    tokenizer = _tried(lambda: _tokenizer(folder, role, name), problems)
    if tokenizer is not None and body is not None:
        problems += _ids_without_row(tokenizer, body, role)
        if not problems:
            return tokenizer
    plain = [text.replace(str(folder), name).removeprefix(name).lstrip(": ") for text in problems]
    raise InputError("\n  - ".join([f"{name} cannot be used:", *plain]))


def _tried(part: Callable[[], T], problems: list[str]) -> T | None:
    try:
        return part()
    except InputError as error:
        problems.append(str(error).replace("1 problem\n  - ", ""))
        return None


def _body(folder: Path, role: str) -> Any:
    _check_architecture(folder, role)
    return skeleton(folder, role)


def _tokenizer(folder: Path, role: str, name: str) -> "PreTrainedTokenizerBase":
    tokenizer = load_tokenizer(folder, name)
    if role == "causal":
        check_template(tokenizer)
    return tokenizer


def _check_architecture(folder: Path, role: str) -> None:
    """Refuse an architecture that transformers does not contain, or that does not have the role."""
    import transformers
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_MAPPING

    config = read_json(folder / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in CONFIG_MAPPING:
        code = config.get("auto_map") if isinstance(config, dict) else None
        why = "it needs its own code, which EVA never runs" if code else "a newer release may know it"
        raise InputError(
            f"config.json: transformers {transformers.__version__} does not know the architecture {kind!r} "
            f"({why}); choose a model of a known architecture"
        )
    mapping = MODEL_FOR_CAUSAL_LM_MAPPING if role == "causal" else MODEL_MAPPING
    if CONFIG_MAPPING[kind] not in mapping:
        raise InputError(f"config.json: a model of architecture {kind!r} cannot have the role {role}")


def _ids_without_row(tokenizer: "PreTrainedTokenizerBase", body: Any, role: str) -> Iterator[str]:
    """A message if the tokenizer has tokens for which the embeddings have no row."""
    rows = int(body.get_input_embeddings().weight.shape[0])
    ids = {name: int(number) for name, number in tokenizer.get_vocab().items()}
    if role == "causal":
        # A control token that the template does not write is never used: Gemma 3 has one for images.
        controls = chat_form(tokenizer).controls.ids
        written = {*encode(tokenizer, PROBE, "eva").ids, tokenizer.pad_token_id, tokenizer.eos_token_id}
        ids = {name: i for name, i in ids.items() if name not in controls or i in written}
    beyond = sorted((i, name) for name, i in ids.items() if i >= rows)
    if beyond:
        last, name = beyond[-1]
        yield (
            f"the tokenizer has ids up to {last} ({name!r}), but the embeddings have {rows} rows: "
            f"{len(beyond)} tokens have no row; resize the embeddings, or use the tokenizer of these weights"
        )
