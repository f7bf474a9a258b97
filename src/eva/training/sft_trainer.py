"""The process that runs SFT: one forward pass per dialogue, a loss on supporter tokens only."""

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import Trainer
from trl import SFTConfig

from eva.compat.transformers_hooks import OwnCount, on_device, on_one_device
from eva.models.chat import IGNORE
from eva.models.loading import load_model
from eva.settings.sft_section import Sft
from eva.training.arguments import effective_batch, trainer_arguments
from eva.training.attention import set_attention
from eva.training.callbacks import add_callbacks
from eva.training.job import Job
from eva.training.loop import Repeatable, Trained, run_training
from eva.training.result import Outcome
from eva.training.saving import save_model, whole_state
from eva.training.supervised_loss import TokenBatch
from eva.training.worker import work

if TYPE_CHECKING:
    import torch
    from transformers import EvalPrediction

log = logging.getLogger(__name__)


class DialogueTrainer(Repeatable, OwnCount, Trainer):  # type: ignore[misc]
    """Trains on rows of `dialogue_examples`.

    The loss of an optimizer step is the weighted mean over the supervised tokens of all its batches and
    processes; with weights of 1 it equals that of TRL's SFTTrainer. A held-out score is the mean over all
    tokens.
    """

    def count(self, batch: Any) -> "torch.Tensor":
        """Sum of the weights of a batch's labels."""
        return TokenBatch(**batch).total_weight

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> "torch.Tensor":
        """A batch's part of the loss of its step, times the number of processes, which are averaged."""
        batch = TokenBatch(**inputs)
        share = batch.weighted_sum(batch.losses(model)) / num_items_in_batch
        loss: torch.Tensor = share * self.accelerator.num_processes
        return loss

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
        """Loss of the batch, and for each row its summed NLL and its number of supervised tokens."""
        import torch

        batch = TokenBatch(**on_device(self, inputs))
        with torch.no_grad(), self.compute_loss_context_manager():
            losses = batch.losses(model)
        return losses.mean(), batch.row_sums(losses), batch.supervised.sum(1)


def _padded(rows: Sequence[dict[str, Any]]) -> dict[str, "torch.Tensor"]:
    """Rows as the fields of a `TokenBatch`."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    return {
        name: pad_sequence([torch.tensor(row[name]) for row in rows], batch_first=True, padding_value=padding)
        for name, padding in (("input_ids", 0), ("labels", IGNORE), ("weights", 0.0))
    }


def _held_out(prediction: "EvalPrediction") -> dict[str, float]:
    total = prediction.predictions.astype("float64").sum()
    return {"nll": float(total / prediction.label_ids.sum())}


def build(job: Job[Sft], folder: Path) -> DialogueTrainer:
    """The trainer of a job; its rows reach the model exactly as they were encoded."""
    config = on_one_device(SFTConfig(**trainer_arguments(job.settings, folder, job.seed, len(job.train))))
    model = load_model(job.model_dir, "float32")  # after the config, which may partition it (ZeRO-3)
    set_attention(model, job.settings.attention)
    trainer = DialogueTrainer(
        model=model,
        args=config,
        data_collator=_padded,
        train_dataset=job.train,
        eval_dataset=job.valid,
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
