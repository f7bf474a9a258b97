"""TRL's SFTTrainer with an exact held-out score, and one acquisition run with it."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trl import SFTConfig, SFTTrainer

from eva.models.loading import load_model, load_tokenizer
from eva.training.arguments import effective_batch, trainer_arguments
from eva.training.callbacks import report_through
from eva.training.course import Course, Repeatable, follow
from eva.training.examples import load_examples
from eva.training.job import Job
from eva.training.result import Outcome
from eva.training.saving import save_model, whole_state

if TYPE_CHECKING:
    import torch
    from transformers import EvalPrediction


class DialogueTrainer(Repeatable, SFTTrainer):  # type: ignore[misc]
    """SFTTrainer whose evaluation is the mean over all supervised tokens, not over batches."""

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        """Loss of the batch, and for each row its summed NLL and its number of supervised tokens."""
        import torch

        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            outputs = model(**inputs, use_cache=False, fused_lm_head=True)
        return outputs.loss.detach(), -outputs.log_probs.float().sum(1), outputs.label_mask.sum(1)


def _held_out(prediction: "EvalPrediction") -> dict[str, float]:
    total = prediction.predictions.astype("float64").sum()
    return {"nll": float(total / prediction.label_ids.sum())}


def build(job: Job, folder: Path) -> DialogueTrainer:
    """The trainer of a prepared job; its rows reach the model exactly as they were encoded."""
    rows = load_examples(folder / "examples", "train")
    shared = trainer_arguments(job.section(), folder, job.seed, len(rows))
    # With this, TRL neither cuts nor relabels rows that hold `input_ids` and `labels`.
    config = SFTConfig(**shared, dataset_kwargs={"skip_prepare_dataset": True})
    model_dir = Path(job.model_dir)
    trainer = DialogueTrainer(
        model=load_model(model_dir, "float32"),  # after the config, which may partition it (ZeRO-3)
        args=config,
        train_dataset=rows,
        eval_dataset=load_examples(folder / "examples", "valid"),
        processing_class=load_tokenizer(model_dir),
        compute_metrics=_held_out,
    )
    report_through(trainer, "sft")
    return trainer


def fit(job: Job, folder: Path) -> None:
    """Train in this process (one of several under a launcher); write `final/`, then `result.json`."""
    start = time.monotonic()
    trainer = build(job, folder)
    course = follow(trainer, folder)
    state = whole_state(trainer)
    if state is None or not trainer.is_world_process_zero():
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    save_model(model, state, Path(job.model_dir), folder / "final")
    seconds = time.monotonic() - start
    outcome = Outcome(_metrics(job, course), course.history, seconds, course.resumed_from)
    outcome.write(folder / "result.json")


def _metrics(job: Job, course: Course) -> dict[str, float]:
    before, after = course.before["eval_nll"], course.after["eval_nll"]
    return {
        **job.counts,
        "nll_before": before,
        "nll_after": after,
        "perplexity_before": math.exp(before),
        "perplexity_after": math.exp(after),
        "train_loss_first": course.history[0]["loss"],
        "train_loss_last": course.history[-1]["loss"],
        "steps": course.steps,
        "effective_batch": effective_batch(job.section()),
    }
