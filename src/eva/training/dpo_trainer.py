"""The process that runs one alignment: on dialogue trees, or with TRL's DPOTrainer on the same tokens."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peft import LoraConfig, get_peft_model
from trl import DPOConfig, DPOTrainer

from eva.compat.transformers_hooks import divided, on_device, on_one_device
from eva.compat.trl_hooks import RowsAsEncoded, score_tokens
from eva.devices import seeded
from eva.models.branching import supports_branches
from eva.models.loading import load_model, load_tokenizer
from eva.settings.dpo_section import Dpo
from eva.training.arguments import effective_batch, total_steps, trainer_arguments
from eva.training.attention import set_attention
from eva.training.callbacks import add_callbacks
from eva.training.held_out_pairs import HIGH, LOW, MEASURES, held_out
from eva.training.job import Job
from eva.training.loop import Repeatable, Trained, run_training
from eva.training.reference_scores import with_reference
from eva.training.result import Outcome, Row
from eva.training.sample_watch import SampleWatch
from eva.training.saving import State, save_adapter, whole_state
from eva.training.tree_trainer import Objective, TreeTrainer
from eva.training.worker import work

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)


class PairTrainer(Repeatable, RowsAsEncoded, DPOTrainer):  # type: ignore[misc]
    """TRL's DPOTrainer on already encoded rows, with results for each held-out pair.

    The reference's log-probabilities are computed in the same step as the policy's, with the same padding, so
    that rounding errors in bf16 are equal and cancel.
    """

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        """Loss of the batch (Equation 4) and the reward margin of each of its pairs."""
        import torch
        from torch.nn.functional import logsigmoid

        inputs = on_device(self, inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            chosen, rejected = self._policy_log_probs(model, inputs)
            reference_chosen, reference_rejected = self.compute_ref_log_probs(model, inputs)
        margins = self.beta * ((chosen - reference_chosen) - (rejected - reference_rejected)).float()
        return -logsigmoid(margins).mean(), margins, torch.zeros_like(margins)

    def _policy_log_probs(self, model: Any, inputs: Any) -> Any:
        """Summed log-probabilities of the chosen and of the rejected responses."""
        labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
        tokens = {key: inputs[key] for key in ("input_ids", "attention_mask")}
        return score_tokens(model, tokens, labels=labels).log_probs.sum(1).chunk(2)


def build(job: Job[Dpo], folder: Path) -> Any:
    """The trainer that the settings name, for the model with a new adapter."""
    # The configuration comes first: under ZeRO-3 it determines how the model is loaded. The base model is
    # frozen, so bf16 weights lose no update; PEFT keeps the adapter in fp32.
    config = _config(job, folder)
    model = load_model(job.model_dir, "bfloat16" if job.settings.precision == "bf16" else "float32")
    silence_dropout(model)
    trees = job.settings.trainer == "tree"
    set_attention(model, job.settings.attention)
    trainer = (_trees if trees else _pairs)(job, folder, config, model)
    add_callbacks(trainer, "dpo")
    if job.settings.samples:
        trainer.add_callback(SampleWatch(job))
    return trainer


def _config(job: Job[Dpo], folder: Path) -> DPOConfig:
    settings = job.settings
    config: DPOConfig = on_one_device(
        DPOConfig(
            **trainer_arguments(settings, folder, job.seed, len(job.train)),
            beta=settings.beta,
            loss_type=list(settings.loss),
            loss_weights=list(settings.loss.values()),
            disable_dropout=False,  # TRL's default would set LoRA's own dropout to 0
            precompute_ref_log_probs=False,
        )
    )
    return config


def _adapter(job: Job[Dpo]) -> LoraConfig:
    settings = job.settings
    return LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(job.lora_targets),
        task_type="CAUSAL_LM",
    )


def _trees(job: Job[Dpo], folder: Path, config: DPOConfig, model: Any) -> TreeTrainer:
    train = job.train
    if not divided(config):  # a partitioned model cannot compute before DeepSpeed's engine exists
        train = with_reference(model, train, job.settings, folder)
    if not supports_branches(model):
        log.info("dpo: the model has sliding windows, so every response is computed with its own history")
    with seeded(job.seed):
        adapted = get_peft_model(model, _adapter(job))
    return TreeTrainer(
        objective=Objective(job.settings.loss, job.settings.beta, job.settings.tree_tokens),
        model=adapted,
        args=config,
        train_dataset=train,
        eval_dataset=job.valid,
        compute_metrics=held_out(job.valid["dialogue"]),
    )


def _pairs(job: Job[Dpo], folder: Path, config: DPOConfig, model: Any) -> PairTrainer:
    return PairTrainer(
        model=model,
        args=config,
        train_dataset=job.train,
        eval_dataset=job.valid,
        processing_class=load_tokenizer(job.model_dir),
        compute_metrics=held_out(job.valid["dialogue"]),
        peft_config=_adapter(job),
    )


def silence_dropout(model: Any) -> None:
    """Turn off a model's own dropout, since TRL computes the reference in training mode."""
    from torch.nn import Dropout

    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0


def fit(job: Job[Dpo], folder: Path, checkpoint: Path | None) -> None:
    """Align in this process (one of several under a launcher); write `final/`, then `result.json`."""
    start = time.monotonic()
    log.info("dpo: loading %s", job.model_dir)
    trainer = build(job, folder)
    trained = run_training(trainer, checkpoint)
    state = whole_state(trainer)
    if state is None or not trainer.is_world_process_zero():
        return
    save_adapter(trainer.accelerator.unwrap_model(trainer.model), state, folder / "final")
    metrics = _metrics(job, trained, state)
    outcome = Outcome(metrics, trained.history, time.monotonic() - start, trained.resumed_from)
    outcome.write(folder / "result.json")


def _metrics(job: Job[Dpo], trained: Trained, state: State) -> dict[str, float]:
    moved = [bool(tensor.any()) for name, tensor in state.items() if "lora_B" in name]
    return {
        **job.counts,
        **_at("before", trained.before),
        **_at("after", trained.after),
        "loss_first_step": trained.history[0]["loss"],
        "loss_last_step": trained.history[-1]["loss"],
        "lora_b_moved": sum(moved),
        "lora_b_total": len(moved),
        "steps": trained.steps,
        "stopped_early": int(trained.steps < total_steps(job.settings, len(job.train))),
        "effective_batch": effective_batch(job.settings),
    }


def _at(when: str, evaluated: Row) -> dict[str, float]:
    """The held-out measures of one evaluation, as `margin_after`, `margin_after_low` and so on."""
    return {
        f"{name.removeprefix('pair_')}_{when}{end}": evaluated[key]
        for name in MEASURES
        for end in ("", LOW, HIGH)
        if (key := f"eval_{name}{end}") in evaluated
    }


if __name__ == "__main__":
    work(fit, Dpo)
