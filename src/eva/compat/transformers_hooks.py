"""Private parts of transformers that EVA uses; tested with transformers 5.23.

`Trainer._get_train_sampler`, `Trainer._get_num_items_in_batch`, `Trainer._prepare_inputs`,
`Trainer._save_checkpoint`, `Trainer._maybe_log_save_evaluate`, `TrainingArguments.hf_deepspeed_config`,
`TrainingArguments._n_gpu`, `config._attn_implementation`, `PreTrainedModel._supports_attention_backend`,
`PreTrainedModel._supports_sdpa`, `config._name_or_path`, and
the marks that loading a GGUF file leaves on a model.
"""

from pathlib import Path
from typing import Any

TRIED = "5.23"
_QUANTIZATION_MARKS = ("hf_quantizer", "quantization_method", "is_quantized")


class OwnOrder:
    """`Trainer` mixin: the method `order(rows)` of the class returns the sampler of the training rows."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        trainer: Any = self
        return trainer.order(trainer.train_dataset if train_dataset is None else train_dataset)


class SavesAside:
    """`Trainer` mixin: checkpoints are written below `aside`, then `put_in_place(folder)` gets each.

    All processes of a distributed training call it, when all have written their part.
    """

    aside = "aside"

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        trainer: Any = self
        place = trainer.args.output_dir
        trainer.args.output_dir = str(Path(place) / self.aside)
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
            trainer.accelerator.wait_for_everyone()
            trainer.put_in_place(Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}")
        finally:
            trainer.args.output_dir = place
        trainer.accelerator.wait_for_everyone()


class ChecksSteps:
    """`Trainer` mixin: `check_step(norm)` is called after each update, before anything of it is saved."""

    def _maybe_log_save_evaluate(self, tr_loss: Any, grad_norm: Any, *args: Any, **kwargs: Any) -> None:
        trainer: Any = self
        if grad_norm is not None:
            trainer.check_step(float(grad_norm))
        super()._maybe_log_save_evaluate(tr_loss, grad_norm, *args, **kwargs)  # type: ignore[misc]


class OwnCount:
    """`Trainer` mixin: a step's loss is divided by what `count(batch)` gives over all its batches.

    It is summed over processes, and `compute_loss` gets it as `num_items_in_batch`.
    """

    loss_is_scaled_for_ga = True  # by that division

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        trainer: Any = self
        if not batch_samples:
            return None
        total = sum(trainer.count(batch) for batch in batch_samples)
        if trainer.args.world_size > 1:
            return trainer.accelerator.gather(total.to(device)).sum()
        return total.to(device)


def on_device(trainer: Any, inputs: Any) -> Any:
    """A batch moved to the trainer's device, as the trainer gives it to its model."""
    return trainer._prepare_inputs(inputs)


def on_one_device(arguments: Any) -> Any:
    """The arguments of a trainer that leaves the other GPUs alone: one process trains on one device.

    A process that sees several would else divide each batch among them, by `nn.DataParallel`.
    """
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


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


def takes_sdpa(model: Any) -> bool:
    """Whether attention is softmax of scores and nothing else: no capped scores, no sinks."""
    return bool(getattr(model, "_supports_sdpa", False))


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
