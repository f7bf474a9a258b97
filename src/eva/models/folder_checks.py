"""Whether the files of a model folder fit each other: architecture, weights, tokenizer, positions.

Each file can be in order while the folder is none: embeddings with fewer rows than the tokenizer
has tokens fail in the middle of a training, an architecture that is unknown here fails at its start.
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
    """Refuse a model folder whose parts do not fit each other; its tokenizer, called `name` in messages.

    Every part is tried, so that one `InputError` holds all that is wrong.
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
    """Refuse what transformers does not know by itself."""
    import transformers
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_MAPPING

    config = read_json(folder / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in CONFIG_MAPPING:
        code = config.get("auto_map") if isinstance(config, dict) else None
        why = "it needs code of its own, which EVA never runs" if code else "a newer release may"
        raise InputError(
            f"config.json: the architecture {kind!r} is not one that transformers {transformers.__version__} "
            f"knows ({why}); choose a model of a known architecture"
        )
    mapping = MODEL_FOR_CAUSAL_LM_MAPPING if role == "causal" else MODEL_MAPPING
    if CONFIG_MAPPING[kind] not in mapping:
        raise InputError(f"config.json: a model of architecture {kind!r} cannot have the role {role}")


def _ids_without_row(tokenizer: "PreTrainedTokenizerBase", body: Any, role: str) -> Iterator[str]:
    """Tokens that the tokenizer can give and the embeddings have no row for."""
    rows = int(body.get_input_embeddings().weight.shape[0])
    ids = {name: int(number) for name, number in tokenizer.get_vocab().items()}
    if role == "causal":
        # A control token that no template writes never comes out: Gemma 3 has one for images.
        controls = chat_form(tokenizer).controls.ids
        written = {*encode(tokenizer, PROBE, "eva").ids, tokenizer.pad_token_id, tokenizer.eos_token_id}
        ids = {name: i for name, i in ids.items() if name not in controls or i in written}
    beyond = sorted((i, name) for name, i in ids.items() if i >= rows)
    if beyond:
        last, name = beyond[-1]
        yield (
            f"the tokenizer gives ids up to {last} ({name!r}) and the embeddings have {rows} rows: "
            f"{len(beyond)} tokens have none; resize the embeddings, or take the tokenizer of these weights"
        )
