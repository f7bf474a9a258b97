"""Private parts of transformers that EVA uses; tested with transformers 5.23.

`Trainer._get_train_sampler`, `Trainer._prepare_inputs`, `TrainingArguments.hf_deepspeed_config`,
`config._attn_implementation`, `PreTrainedModel._supports_attention_backend`, `config._name_or_path`, and
the marks that loading a GGUF file leaves on a model.
"""

from typing import Any

TRIED = "5.23"
_QUANTIZATION_MARKS = ("hf_quantizer", "quantization_method", "is_quantized")


class OwnOrder:
    """`Trainer` mixin: the method `order(rows)` of the class returns the sampler of the training rows."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        trainer: Any = self
        return trainer.order(trainer.train_dataset if train_dataset is None else train_dataset)


def on_device(trainer: Any, inputs: Any) -> Any:
    """A batch moved to the trainer's device, as the trainer gives it to its model."""
    return trainer._prepare_inputs(inputs)


def divided(config: Any) -> bool:
    """Whether DeepSpeed partitions the weights among processes (ZeRO-3)."""
    return config.deepspeed is not None and bool(config.hf_deepspeed_config.is_zero3())


def attention_of(model: Any) -> str:
    """The name of the model's attention implementation, as for `set_attn_implementation`."""
    name: str = model.config._attn_implementation
    return name


def takes_attention(model: Any) -> bool:
    """Whether a model calls the attention function that `set_attn_implementation` sets in all its layers."""
    return bool(getattr(model, "_supports_attention_backend", False))


def call_model(model: Any, name: str) -> None:
    """Set the name of a model, which is also written into its config when it is saved."""
    model.name_or_path = model.config._name_or_path = name


def forget_quantization(model: Any) -> None:
    """Remove the marks of quantisation from a model read from a GGUF file, so that it can be saved.

    Its weights are ordinary floats, but transformers marks it as quantised and refuses to save it.
    """
    for mark in _QUANTIZATION_MARKS:
        model.__dict__.pop(mark, None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
