"""Loading of model folders and LoRA adapters, and the two JSON files that point to them.

Only safetensors weights are loaded, and code in a model folder is never run (ADR 14).
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
    """Base of JSON files that point to a model; `read` raises `InputError` on unknown or missing keys."""

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
    """`start.json`: the full model that DPO starts from.

    Attributes:
        model: its folder, relative to the repository.
        fingerprint: that of the SFT training; None if the variant has no SFT.
        digest: sha256 of the weights.
        inapplicable: the reason why this backbone cannot have this variant, or None.
    """

    model: str
    fingerprint: str | None
    digest: str
    inapplicable: str | None = None


@dataclass(frozen=True, slots=True)
class Policy(Pointer):
    """`policy.json`: the full model, the adapter (or None) and the prompt of one variant.

    `fingerprint` and `inapplicable` are as in `Start`; folders are relative to the repository.
    """

    model: str
    adapter: str | None
    prompt: str
    fingerprint: str | None
    inapplicable: str | None = None


def load_tokenizer(folder: Path, name: str | None = None) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model folder; `name` is its name in messages.

    It has a padding and an end token: if a causal model defines none, the end-of-turn token is used. Its
    chat template is changed as `eva.models.template_source` says.

    Raises:
        InputError: there is no tokenizer, or it cannot be read without running code of the folder.
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
    """The causal model of a folder on the CPU, in `dtype` (`float32` or `bfloat16`), in eval mode.

    Raises:
        InputError: files are missing, or the weights do not fit the model in every key and shape.
    """
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
    """A model with its adapter, ready to generate, on the GPU if there is one.

    In float32 the adapter is merged into the weights. In bfloat16 it is not merged, because its updates
    are smaller than the rounding error of the weights and would be lost.
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
    """Raise `InputError` unless all weights fit the model in key and shape; no weights are loaded.

    Libraries ignore tensors that do not fit; the model then generates as if there were no adapter.
    """
    problems = model_problems(model_dir) + (adapter_problems(adapter_dir) if adapter_dir else [])
    raise_if(problems, str(adapter_dir or model_dir))
    model = skeleton(model_dir)
    if adapter_dir is not None:
        check_adapter(model, adapter_dir)


def model_problems(folder: Path) -> list[str]:
    """The reasons why a folder is not a usable model; empty if it is."""
    if not folder.is_dir():
        return [f"no such folder as {folder}; give a folder in Hugging Face layout"]
    problems = []
    if not (folder / "config.json").is_file():
        problems.append("no config.json: this is not a Hugging Face model folder")
    if not any(folder.glob("model*.safetensors")):
        pickled = sorted(p.name for p in [*folder.glob("*.bin"), *folder.glob("*.pt")])
        found = f" (found {', '.join(pickled)}, which would be unpickled)" if pickled else ""
        problems.append(f"no model*.safetensors weights{found}: convert them to safetensors")
    return problems


def adapter_problems(folder: Path) -> list[str]:
    """The reasons why a folder is not a usable LoRA adapter; empty if it is."""
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
    """Why a tokenizer did not load, and what to do; never the advice to run code of the folder."""
    settings = folder / "tokenizer_config.json"
    if settings.is_file() and "auto_map" in read_json(settings):
        return (
            f"{name}: its tokenizer needs its own code (`auto_map` in tokenizer_config.json), which EVA "
            "never runs; save it as a plain `tokenizer.json`, or choose another model"
        )
    only = [file for file in SENTENCEPIECE if (folder / file).is_file()]
    if only and not (folder / "tokenizer.json").is_file():
        return (
            f"{name}: its tokenizer is only a SentencePiece model ({only[0]}), which could not be read; "
            "where `sentencepiece` is installed, convert it once with "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER), which writes tokenizer.json"
        )
    said = (str(error).strip() or type(error).__name__).splitlines()[0].replace(str(folder), name)
    return f"{name}: its tokenizer cannot be read ({said}); copy the model's own tokenizer files"


def _settle(tokenizer: "PreTrainedTokenizerBase") -> None:
    """Set the chat template that EVA uses, and the padding and end tokens if they are missing."""
    from eva.models.chat_form import chat_form

    try:
        form = chat_form(tokenizer)
    except InputError:
        return  # the error is raised when the template is used
    tokenizer.chat_template = form.template
    if tokenizer.eos_token is None:
        tokenizer.eos_token = form.end.text
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
