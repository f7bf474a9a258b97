"""TRL's DPOTrainer on our own token rows, and one alignment run with it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peft import LoraConfig
from trl import DPOConfig, DPOTrainer

from eva.models.loading import load_model, load_tokenizer
from eva.settings.dpo_section import Dpo
from eva.training.arguments import effective_batch, trainer_arguments
from eva.training.callbacks import report_through
from eva.training.course import Course, Repeatable, follow
from eva.training.examples import load_examples
from eva.training.job import Job
from eva.training.result import Outcome
from eva.training.saving import State, save_adapter, whole_state

if TYPE_CHECKING:
    import torch
    from transformers import EvalPrediction


class PairTrainer(Repeatable, DPOTrainer):  # type: ignore[misc]
    """DPOTrainer that takes rows as encoded, and scores held-out pairs one by one.

    The reference is computed in the same step as the policy, not beforehand: both then see equal
    padding, so rounding in bf16 is the same for both and cancels.
    """

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:
        """TRL would render and tokenise again, and train the text after the end-of-turn token."""
        return dataset

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        """Loss of the batch (Equation 4) and the reward margin of each of its pairs."""
        import torch
        from torch.nn.functional import logsigmoid

        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            chosen, rejected = self._policy_log_probs(model, inputs)
            reference_chosen, reference_rejected = self.compute_ref_log_probs(model, inputs)
        margins = self.beta * ((chosen - reference_chosen) - (rejected - reference_rejected)).float()
        return -logsigmoid(margins).mean(), margins, torch.zeros_like(margins)

    def _policy_log_probs(self, model: Any, inputs: Any) -> Any:
        """Summed log-probabilities of the chosen and of the rejected responses."""
        labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
        tokens = {key: inputs[key] for key in ("input_ids", "attention_mask")}
        outputs = model(**tokens, labels=labels, use_cache=False, fused_lm_head=True)
        return outputs.log_probs.sum(1).chunk(2)


def _held_out(prediction: "EvalPrediction") -> dict[str, float]:
    import numpy as np

    margins = prediction.predictions.astype("float64")
    return {
        "pair_loss": float(np.logaddexp(0.0, -margins).mean()),
        "margin": float(margins.mean()),
        "accuracy": float((0.5 * (np.sign(margins) + 1)).mean()),
    }


def build(job: Job, folder: Path) -> PairTrainer:
    """The trainer of a prepared job, its model wrapped in a fresh adapter."""
    settings = _settings(job)
    rows = load_examples(folder / "examples", "train")
    config = DPOConfig(
        **trainer_arguments(settings, folder, job.seed, len(rows)),
        beta=settings.beta,
        loss_type=["sigmoid"],
        disable_dropout=False,  # TRL's default would set LoRA's own dropout to 0
        precompute_ref_log_probs=False,
    )
    lora = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=job.lora_targets,
        task_type="CAUSAL_LM",
    )
    model_dir = Path(job.model_dir)
    # The base is frozen, so bf16 loses no update; PEFT keeps the adapter in fp32.
    model = load_model(model_dir, "bfloat16" if settings.precision == "bf16" else "float32")
    silence_dropout(model)
    trainer = PairTrainer(
        model=model,
        args=config,
        train_dataset=rows,
        eval_dataset=load_examples(folder / "examples", "valid"),
        processing_class=load_tokenizer(model_dir),
        compute_metrics=_held_out,
        peft_config=lora,
    )
    report_through(trainer, "dpo")
    return trainer


def silence_dropout(model: Any) -> None:
    """Turn off a model's own dropout: TRL runs the reference in training mode, and it must be exact."""
    from torch.nn import Dropout

    for module in model.modules():
        if isinstance(module, Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0


def fit(job: Job, folder: Path) -> None:
    """Align in this process (one of several under a launcher); write `final/`, then `result.json`."""
    start = time.monotonic()
    trainer = build(job, folder)
    course = follow(trainer, folder)
    state = whole_state(trainer)
    if state is None or not trainer.is_world_process_zero():
        return
    save_adapter(trainer.accelerator.unwrap_model(trainer.model), state, folder / "final")
    metrics = _metrics(job, course, state)
    outcome = Outcome(metrics, course.history, time.monotonic() - start, course.resumed_from)
    outcome.write(folder / "result.json")


def _settings(job: Job) -> Dpo:
    return Dpo.model_validate(job.settings)


def _metrics(job: Job, course: Course, state: State) -> dict[str, float]:
    moved = [bool(tensor.any()) for name, tensor in state.items() if "lora_B" in name]
    before, after = course.before, course.after
    return {
        **job.counts,
        "loss_before": before["eval_pair_loss"],
        "loss_after": after["eval_pair_loss"],
        "margin_before": before["eval_margin"],
        "margin_after": after["eval_margin"],
        "accuracy_before": before["eval_accuracy"],
        "accuracy_after": after["eval_accuracy"],
        "loss_first_step": course.history[0]["loss"],
        "loss_last_step": course.history[-1]["loss"],
        "lora_b_moved": sum(moved),
        "lora_b_total": len(moved),
        "steps": course.steps,
        "effective_batch": effective_batch(job.section()),
    }
