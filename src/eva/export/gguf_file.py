"""Writing a model folder as one GGUF file, the format of llama.cpp and Ollama.

Done with the library `gguf`, tensor by tensor, for the architectures whose tensors and settings are known
here; others are refused. ADR 56 says why this is no foreign converter.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import require_disk_space
from eva.errors import InputError, raise_if
from eva.export.formats import Precision
from eva.export.gguf_tokens import REMEDY, add_tokens
from eva.models.loading import load_tokenizer, model_problems

if TYPE_CHECKING:
    import numpy as np

# Architecture in config.json -> in GGUF. Mistral's has the tensors of Llama's.
_ARCHITECTURES = {"llama": "LLAMA", "mistral": "LLAMA", "qwen2": "QWEN2", "qwen3": "QWEN3"}
_ROWS_BY_HALVES = ("q_proj", "k_proj")  # of Llama's: GGUF has the halves of each head interleaved
_FILE_TYPES = {
    Precision.f32: "ALL_F32",
    Precision.f16: "MOSTLY_F16",
    Precision.bf16: "MOSTLY_BF16",
    Precision.q8_0: "MOSTLY_Q8_0",
    Precision.q4_0: "MOSTLY_Q4_0",
}


def write_gguf(model: Path, path: Path, name: str, precision: Precision) -> None:
    """Write the full model in the folder `model`, whose chat template has the system prompt, to `path`.

    Raises:
        InputError: its architecture or its tokenizer cannot be written so that llama.cpp computes the same.
    """
    import gguf

    config = require_writable(model, name)
    require_disk_space(path, sum(one.stat().st_size for one in model.glob("*.safetensors")))
    architecture = gguf.MODEL_ARCH[_ARCHITECTURES[config.model_type]]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[architecture])
    _add_settings(writer, config, name, precision)
    tokenizer = load_tokenizer(model, name)
    add_tokens(writer, tokenizer, config.vocab_size)
    _write_tensors(writer, _Tensors(model, config, architecture), precision)


def require_writable(model: Path, name: str) -> Any:
    """The configuration of a model; `InputError` if GGUF files of its kind cannot be written here."""
    from transformers import AutoConfig

    raise_if(model_problems(model), name)
    config = AutoConfig.from_pretrained(model, local_files_only=True, trust_remote_code=False)
    raise_if(_unknown(config), name)
    return config


def _unknown(config: Any) -> Iterator[str]:
    """What of a model cannot be written."""
    if config.model_type not in _ARCHITECTURES:
        yield f"architecture {config.model_type}: known are {', '.join(_ARCHITECTURES)}; {REMEDY}"
        return
    kind = config.rope_parameters.get("rope_type", "default")
    if kind != "default":
        yield f"positions of type {kind} (`rope_parameters`): known is `default`; {REMEDY}"
    windows = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if windows or (config.model_type == "mistral" and config.sliding_window):
        yield f"attention over a sliding window is not known here; {REMEDY}"


def _add_settings(writer: Any, config: Any, name: str, precision: Precision) -> None:
    import gguf

    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType[_FILE_TYPES[precision]])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


class _Tensors:
    """The tensors of a folder under their names in GGUF, one in memory at a time."""

    def __init__(self, model: Path, config: Any, architecture: Any) -> None:
        import gguf

        self._files = sorted(model.glob("model*.safetensors"))
        self._heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        self._by_halves = architecture is gguf.MODEL_ARCH.LLAMA
        self._names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)

    def __iter__(self) -> "Iterator[tuple[str, np.ndarray]]":
        from safetensors import safe_open

        for file in self._files:
            with safe_open(file, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - not a mapping
                    yield self._name(name), self._rows(name, tensors.get_tensor(name).float().numpy())

    def _name(self, name: str) -> str:
        found = self._names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise InputError(f"{name}: GGUF has no place for this tensor; {REMEDY}")
        return str(found)

    def _rows(self, name: str, tensor: "np.ndarray") -> "np.ndarray":
        module = next((one for one in _ROWS_BY_HALVES if f".{one}." in name), None)
        if module is None or not self._by_halves:
            return tensor
        parts = tensor.reshape(self._heads[module], 2, -1, *tensor.shape[1:])
        return parts.swapaxes(1, 2).reshape(tensor.shape)


def _write_tensors(writer: Any, tensors: _Tensors, precision: Precision) -> None:
    """Write all tensors: first their shapes, then, read a second time, their content."""
    import gguf
    import numpy as np

    for name, tensor in tensors:
        kind = _kind(name, tensor.shape, precision)
        shape = gguf.quant_shape_to_byte_shape(tensor.shape, kind)
        writer.add_tensor_info(name, shape, np.dtype(np.uint8), int(np.prod(shape)), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, tensor in tensors:
        content = gguf.quantize(tensor, _kind(name, tensor.shape, precision))
        writer.write_tensor_data(np.ascontiguousarray(content))
    writer.close()


def _kind(name: str, shape: tuple[int, ...], precision: Precision) -> Any:
    """How one tensor is stored: vectors in float32, embeddings and output in no less than 8 bits."""
    import gguf

    kinds = gguf.GGMLQuantizationType
    if len(shape) == 1:
        return kinds.F32
    wanted = kinds[precision.upper()]
    if wanted is kinds.Q4_0 and name.startswith(("token_embd", "output")):
        wanted = kinds.Q8_0
    block = gguf.GGML_QUANT_SIZES[wanted][0]
    return wanted if shape[-1] % block == 0 else kinds.F16
