"""`sft.extra` and `dpo.extra`: fields of TRL's configurations beyond those that EVA sets itself."""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter, ValidationError

Stage = Literal["sft", "dpo"]

# Reason why users cannot set a field here -> the fields.
_REASONS = {
    "set `epochs`": "num_train_epochs max_steps",
    "set `lr`": "learning_rate",
    "set `warmup`": "warmup_steps",
    "set `batch_size`": "per_device_train_batch_size per_device_eval_batch_size auto_find_batch_size",
    "set `accumulation`": "gradient_accumulation_steps",
    "set `max_length`": "max_length truncation_mode",
    "set `precision`": "bf16 fp16 bf16_full_eval fp16_full_eval",
    "set `gradient_checkpointing`": "activation_checkpointing gradient_checkpointing",
    "set `save_steps`": "save_steps save_strategy",
    "set `beta`": "beta",
    "set `matrix.seeds`": "seed data_seed",
    "set `launcher`, `processes` and `deepspeed`": (
        "deepspeed ddp_backend local_rank fsdp fsdp_config parallelism_config accelerator_config"
    ),
    "it depends on the hardware": "use_cpu dataloader_pin_memory",
    "EVA encodes, masks and orders the rows itself": (
        "dataset_kwargs dataset_num_proc dataset_text_field remove_unused_columns length_column_name "
        "train_sampling_strategy shuffle_dataset packing packing_strategy eval_packing padding_free "
        "completion_only_loss assistant_only_loss chat_template_path eos_token pad_token "
        "dataloader_drop_last"
    ),
    "set `loss`": "loss_type loss_weights",
    "EVA takes the reference from the start model": (
        "precompute_ref_log_probs precompute_ref_batch_size sync_ref_model "
        "ref_model_mixup_alpha ref_model_sync_steps disable_dropout use_liger_kernel liger_kernel_config"
    ),
    "EVA scores the held-out rows itself": (
        "eval_on_start prediction_loss_only batch_eval_metrics include_for_metrics label_names "
        "eval_do_concat_batches do_train do_eval do_predict"
    ),
    "EVA stores checkpoints and resumes from them itself": (
        "output_dir resume_from_checkpoint ignore_data_skip save_only_model save_total_limit "
        "save_on_each_node load_best_model_at_end metric_for_best_model greater_is_better "
        "enable_jit_checkpoint restore_callback_states_from_checkpoint"
    ),
    "EVA records and shows the training itself": (
        "report_to run_name project trackio_space_id trackio_static_space_id trackio_bucket_id disable_tqdm "
        "logging_steps logging_strategy logging_first_step logging_nan_inf_filter"
    ),
    "EVA downloads, publishes and executes nothing here": (
        "trust_remote_code model_init_kwargs push_to_hub hub_model_id hub_token hub_strategy hub_revision "
        "hub_private_repo hub_always_push"
    ),
}
# Fields that TRL's own trainers use for a batch, but EVA's do not.
_TRLS = frozenset(
    {
        "router_aux_loss_coef", "pad_to_multiple_of", "activation_offloading", "label_smoothing_factor",
        "label_smoothing", "ld_alpha", "f_divergence_type", "f_alpha_divergence_coef", "use_weighting",
        "discopop_tau",
    }
)  # fmt: skip
OWNED = {field: reason for reason, fields in _REASONS.items() for field in fields.split()}


def extra_problems(stage: Stage, extra: Mapping[str, Any]) -> list[str]:
    """One message per field that TRL does not have, that EVA sets itself, or whose value is invalid.

    If there is any field, this imports TRL, which takes seconds.
    """
    if not extra:
        return []
    config = _config(stage)
    problems = [problem for name in extra if (problem := _problem(config, name, extra[name]))]
    return problems or list(_refused_by_trl(config, typed_extra(stage, extra)))


def unread_problems(extra: Mapping[str, Any]) -> list[str]:
    """One message per field that EVA's own trainers (SFT, and DPO on trees) do not use."""
    return [
        f"extra: `{name}` is a field of TRL's own trainers, which EVA does not use here; remove it (for "
        "`dpo`, `trainer: trl` uses it)"
        for name in extra
        if name in _TRLS
    ]


def typed_extra(stage: Stage, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The values in TRL's types (YAML reads `1e-5` as text); call `extra_problems` before."""
    if not extra:
        return {}
    types = get_type_hints(_config(stage))
    return {name: TypeAdapter(types[name]).validate_python(value) for name, value in extra.items()}


def _config(stage: Stage) -> Any:
    if stage == "sft":
        from trl import SFTConfig

        return SFTConfig
    from trl import DPOConfig

    return DPOConfig


def _problem(config: Any, name: str, value: Any) -> str | None:
    fields = {field.name for field in dataclasses.fields(config)}
    if name not in fields:
        nearest = difflib.get_close_matches(name, sorted(fields - OWNED.keys()), n=1, cutoff=0.0)
        return f"extra: `{name}` is not a field of TRL's {config.__name__}. Nearest: `{''.join(nearest)}`"
    if name in OWNED:
        return f"extra: `{name}` cannot be set here: {OWNED[name]}"
    try:
        TypeAdapter(get_type_hints(config)[name]).validate_python(value)
    except ValidationError as error:
        return f"extra: `{name}` is {value!r}: {error.errors()[0]['msg']}"
    return None


def _refused_by_trl(config: Any, values: Mapping[str, Any]) -> Iterator[str]:
    """Messages of TRL's own check of the whole configuration."""
    from tempfile import gettempdir

    try:
        config(output_dir=gettempdir(), use_cpu=True, bf16=False, report_to="none", **values)
    except (TypeError, ValueError, ImportError) as error:
        yield f"extra: TRL refuses {dict(values)}: {error}"
