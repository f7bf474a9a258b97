"""TRL's SFTTrainer with an exact held-out score, and one acquisition run with it."""

import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trl import SFTConfig, SFTTrainer

from eva.compat.transformers_hooks import on_device
from eva.compat.trl_hooks import score_tokens
from eva.models.loading import load_model, load_tokenizer
from eva.settings.sft_section import Sft
from eva.training.arguments import effective_batch, trainer_arguments
from eva.training.callbacks import add_callbacks
from eva.training.job import Job
from eva.training.loop import Repeatable, Trained, run_training
from eva.training.result import Outcome
from eva.training.saving import save_model, whole_state
from eva.training.worker import work

if TYPE_CHECKING:
    import torch
    from transformers import EvalPrediction

log = logging.getLogger(__name__)


class DialogueTrainer(Repeatable, SFTTrainer):  # type: ignore[misc]
    """SFTTrainer whose evaluation is the mean over all supervised tokens, not over batches."""

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        """Loss of the batch, and for each row its summed NLL and its number of supervised tokens."""
        import torch

        inputs = on_device(self, inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            outputs = score_tokens(model, inputs)
        return outputs.loss.detach(), -outputs.log_probs.float().sum(1), outputs.label_mask.sum(1)


def _held_out(prediction: "EvalPrediction") -> dict[str, float]:
    total = prediction.predictions.astype("float64").sum()
    return {"nll": float(total / prediction.label_ids.sum())}


def build(job: Job[Sft], folder: Path) -> DialogueTrainer:
    """The trainer of a job; its rows reach the model exactly as they were encoded."""
    shared = trainer_arguments(job.settings, folder, job.seed, len(job.train))
    # With this, TRL neither cuts nor relabels rows that hold `input_ids` and `labels`.
    config = SFTConfig(**shared, dataset_kwargs={"skip_prepare_dataset": True})
    trainer = DialogueTrainer(
        model=load_model(job.model_dir, "float32"),  # after the config, which may partition it (ZeRO-3)
        args=config,
        train_dataset=job.train,
        eval_dataset=job.valid,
        processing_class=load_tokenizer(job.model_dir),
        compute_metrics=_held_out,
    )
    add_callbacks(trainer, "sft")
    return trainer


def fit(job: Job[Sft], folder: Path, checkpoint: Path | None) -> None:
    """Train in this process (one of several under a launcher); write `final/`, then `result.json`."""
    start = time.monotonic()
    log.info("sft: loading %s", job.model_dir)
    trainer = build(job, folder)
    trained = run_training(trainer, checkpoint)
    state = whole_state(trainer)
    if state is None or not trainer.is_world_process_zero():
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    save_model(model, state, job.model_dir, folder / "final")
    seconds = time.monotonic() - start
    outcome = Outcome(_metrics(job, trained), trained.history, seconds, trained.resumed_from)
    outcome.write(folder / "result.json")


def _metrics(job: Job[Sft], trained: Trained) -> dict[str, float]:
    before, after = trained.before["eval_nll"], trained.after["eval_nll"]
    return {
        **job.counts,
        "nll_before": before,
        "nll_after": after,
        "perplexity_before": math.exp(before),
        "perplexity_after": math.exp(after),
        "train_loss_first": trained.history[0]["loss"],
        "train_loss_last": trained.history[-1]["loss"],
        "steps": trained.steps,
        "effective_batch": effective_batch(job.settings),
    }


if __name__ == "__main__":
    work(fit, Sft)
