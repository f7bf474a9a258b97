"""Loading what a stage wrote: model folders, LoRA adapters, and the two small files that name them.

Weights are safetensors only and no code of a model folder runs (ADR 14).
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from eva.artifacts import read_json, write_json
from eva.errors import InputError, raise_if
from eva.models.weights import check_adapter, load_whole, skeleton

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


SENTENCEPIECE = ("tokenizer.model", "spm.model", "spiece.model", "sentencepiece.bpe.model")


@dataclass(frozen=True, slots=True)
class Pointer:
    """A small JSON file beside weights; unknown or missing keys are an `InputError`."""

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        row = read_json(path)
        known = {field.name for field in fields(cls)}
        if not isinstance(row, dict) or set(row) != known:
            raise InputError(
                f"{path}: expected the keys {', '.join(sorted(known))}, found {row!r}; "
                "run its stage again with `dvc repro -f`"
            )
        return cls(**row)


@dataclass(frozen=True, slots=True)
class Start(Pointer):
    """`start.json`: the full model that alignment starts from; `model` is relative to the repository.

    `fingerprint` is the training's, or null where no acquisition ran; `digest` names the weights.
    `inapplicable` says why a variant cannot be made of this backbone at all, where that is so.
    """

    model: str
    fingerprint: str | None
    digest: str
    inapplicable: str | None = None


@dataclass(frozen=True, slots=True)
class Policy(Pointer):
    """`policy.json`: full model, adapter (or null) and prompt that make one variant."""

    model: str
    adapter: str | None
    prompt: str
    fingerprint: str | None
    inapplicable: str | None = None


def load_tokenizer(folder: Path, name: str | None = None) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model folder, called `name` in messages.

    It has a padding and an end token: where a causal model's names none, the end of a turn is both.
    Its chat template is the one that is used, see `eva.models.template_source`. Raises `InputError`
    if there is none that can be read without code of its own.
    """
    raise_if(_tokenizer_problems(folder), name or str(folder))
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # libraries raise whatever they like about a file that they cannot read
        raise InputError(_unreadable(folder, name or str(folder), error)) from None
    tokenizer.name_or_path = name or str(folder)
    if tokenizer.chat_template:
        _settle(tokenizer)
    elif tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(folder: Path, dtype: str = "float32") -> "PreTrainedModel":
    """The causal model of a folder on the CPU, in `dtype` (`float32` or `bfloat16`), in eval mode."""
    raise_if(model_problems(folder), str(folder))
    from transformers import AutoModelForCausalLM
    from transformers.integrations import is_deepspeed_zero3_enabled

    options = {"dtype": dtype, "attn_implementation": "sdpa"}
    if is_deepspeed_zero3_enabled():  # it partitions what it loads, so shapes cannot be compared
        safe = {"use_safetensors": True, "trust_remote_code": False, "local_files_only": True}
        model: Any = AutoModelForCausalLM.from_pretrained(folder, **safe, **options)
    else:
        model = load_whole(AutoModelForCausalLM, folder, **options)
    return model.eval()


def load_policy(model_dir: Path, adapter_dir: Path | None, dtype: str = "float32") -> Any:
    """A model ready to generate, on the GPU where there is one, its adapter applied.

    In float32 the adapter is merged into the weights. In bfloat16 it stays beside them: its updates
    are smaller than the rounding of the weights and would be lost in a merge.
    """
    check_policy(model_dir, adapter_dir)
    import torch

    model: Any = load_model(model_dir, dtype)
    if adapter_dir is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter_dir)
        if dtype == "float32":
            model = model.merge_and_unload()
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def check_policy(model_dir: Path, adapter_dir: Path | None) -> None:
    """Refuse weights that do not fit, in every key and shape, before any of them are loaded.

    Libraries leave out what has no place in the model, which then answers as if there were no adapter.
    """
    problems = model_problems(model_dir) + (adapter_problems(adapter_dir) if adapter_dir else [])
    raise_if(problems, str(adapter_dir or model_dir))
    model = skeleton(model_dir)
    if adapter_dir is not None:
        check_adapter(model, adapter_dir)


def model_problems(folder: Path) -> list[str]:
    """What keeps a folder from being a model of ours (empty: nothing)."""
    if not folder.is_dir():
        return [f"no such folder as {folder}; give a folder in Hugging Face layout"]
    problems = []
    if not (folder / "config.json").is_file():
        problems.append("no config.json: this is no Hugging Face model folder")
    if not any(folder.glob("model*.safetensors")):
        pickled = sorted(p.name for p in [*folder.glob("*.bin"), *folder.glob("*.pt")])
        found = f" (found {', '.join(pickled)}, which would be unpickled)" if pickled else ""
        problems.append(f"no model*.safetensors weights{found}: convert them to safetensors")
    return problems


def adapter_problems(folder: Path) -> list[str]:
    """What keeps a folder from being a LoRA adapter of ours (empty: nothing)."""
    names = ("adapter_config.json", "adapter_model.safetensors")
    missing = [name for name in names if not (folder / name).is_file()]
    return [f"{folder} has no {name}: run its `dpo` stage again" for name in missing]


def _tokenizer_problems(folder: Path) -> list[str]:
    if not folder.is_dir():
        return [f"no such folder as {folder}; give a folder in Hugging Face layout"]
    known = ("tokenizer.json", *SENTENCEPIECE, "vocab.txt", "vocab.json")
    if not any((folder / name).is_file() for name in known):
        return [f"no tokenizer (none of {', '.join(known)}): copy the backbone's tokenizer files here"]
    return []


def _unreadable(folder: Path, name: str, error: Exception) -> str:
    """Why a tokenizer did not load, and what to do; without advice to run its code."""
    settings = folder / "tokenizer_config.json"
    if settings.is_file() and "auto_map" in read_json(settings):
        return (
            f"{name}: its tokenizer needs code of its own (`auto_map` in tokenizer_config.json), which EVA "
            "never runs; save it as a plain `tokenizer.json`, or choose another model"
        )
    only = [file for file in SENTENCEPIECE if (folder / file).is_file()]
    if only and not (folder / "tokenizer.json").is_file():
        return (
            f"{name}: its tokenizer is a SentencePiece model alone ({only[0]}), which could not be read; "
            "where `sentencepiece` is installed, convert it once with "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER), which writes tokenizer.json"
        )
    said = (str(error).strip() or type(error).__name__).splitlines()[0].replace(str(folder), name)
    return f"{name}: its tokenizer cannot be read ({said}); copy the model's own tokenizer files"


def _settle(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Write the template that is used into the tokenizer, and the tokens that it lacks."""
    from eva.models.chat_form import chat_form

    try:
        form = chat_form(tokenizer)
    except InputError:
        return  # whoever puts a conversation to it says why it cannot be
    tokenizer.chat_template = form.template
    if tokenizer.eos_token is None:
        tokenizer.eos_token = form.end.text
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
