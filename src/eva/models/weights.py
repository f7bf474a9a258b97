"""Checks that weights on disk fit their model in every key and shape.

Libraries initialise missing tensors at random and ignore those that do not fit; the model then runs
without an error but with other weights. Only the headers of the files are read here.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.errors import InputError, raise_if

_LISTED = 3  # tensors named in a message, per kind of problem
_READABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError)


def skeleton(folder: Path, role: str = "causal") -> Any:
    """The model of a folder on torch's meta device (without weights), after checking that its weights fit.

    For an encoder only the body is checked: the pooler may be missing, and a head may be left over.

    Raises:
        InputError: names missing and unexpected tensors, and those of another shape.
    """
    from transformers import AutoModel, AutoModelForCausalLM

    if role == "causal":
        return load_whole(AutoModelForCausalLM, folder, device_map="meta")
    model, found = _read(AutoModel, folder, device_map="meta")
    missing = {key for key in found["missing_keys"] if not key.startswith("pooler.")}
    raise_if(_misfits({**found, "missing_keys": missing, "unexpected_keys": set()}), folder)
    return model


def load_whole(model_class: Any, folder: Path, **options: Any) -> Any:
    """`model_class.from_pretrained(folder)`; `InputError` unless the weights fit in every key and shape."""
    model, found = _read(model_class, folder, **options)
    raise_if(_misfits(found), folder)
    return model


def check_adapter(model: Any, folder: Path) -> None:
    """Raise `InputError` if a tensor of a LoRA adapter does not fit `model`; the check changes `model`."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

    kind = read_json(folder / "adapter_config.json")
    if not isinstance(kind, dict) or kind.get("peft_type") != "LORA":
        raise InputError(
            f"{folder}: adapter_config.json does not describe a LoRA adapter; run its `dpo` stage again"
        )
    try:
        with torch.device("meta"):
            config = LoraConfig.from_pretrained(str(folder))
            adapted = get_peft_model(model, config)
        expected = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    except _READABLE as error:
        raise InputError(
            f"{folder}: the adapter does not fit the model: {_first_line(error, folder)}"
        ) from None
    shapes = {name: list(tensor.shape) for name, tensor in expected.items()}
    raise_if(_differences(shapes, _header(folder / "adapter_model.safetensors")), folder)


def _read(model_class: Any, folder: Path, **options: Any) -> tuple[Any, dict[str, Any]]:
    """The model, and transformers' report on its weights (`loading_info`)."""
    from safetensors import SafetensorError

    try:
        model, found = model_class.from_pretrained(
            folder,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that all of them are reported, and then refused
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **options,
        )
    except (SafetensorError, *_READABLE) as error:
        raise InputError(
            f"{folder}: its weights cannot be read ({_first_line(error, folder)}); create the folder again"
        ) from None
    return model, found


def _misfits(found: Mapping[str, Any]) -> Iterator[str]:
    yield from _named("missing from the weights", sorted(found["missing_keys"]))
    yield from _named("without a place in the model", sorted(found["unexpected_keys"]))
    wrong = [
        f"{name} {list(here)} for {list(there)}" for name, here, there in sorted(found["mismatched_keys"])
    ]
    yield from _named("of another shape than the model's", wrong)
    yield from _named("unreadable", found["error_msgs"])


def _differences(expected: Mapping[str, list[int]], found: Mapping[str, list[int]]) -> Iterator[str]:
    yield from _named("missing from the adapter", sorted(expected.keys() - found.keys()))
    yield from _named("without a place in the model", sorted(found.keys() - expected.keys()))
    wrong = [
        f"{name} {found[name]} for {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
    yield from _named("of another shape than the model's", wrong)


def _named(what: str, tensors: Sequence[str]) -> Iterator[str]:
    if tensors:
        rest = f" and {len(tensors) - _LISTED} more" if len(tensors) > _LISTED else ""
        yield f"{len(tensors)} tensors are {what}: {', '.join(tensors[:_LISTED])}{rest}"


def _header(path: Path) -> dict[str, list[int]]:
    """Tensor name -> shape."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as tensors:
            return {name: list(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not readable as safetensors ({error}); create it again") from None


def _first_line(error: Exception, folder: Path) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).replace(f"{folder}", folder.name)
