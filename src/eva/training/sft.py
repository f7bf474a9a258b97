"""Empathy acquisition (ACQ): full-parameter fine-tuning on whole dialogues (paper section 4.1.1).

Each dialogue is one training sequence, with a loss on every supporter turn and its end token (ADR 6).
Weights are in fp32; precision bf16 means autocast.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from eva.data.dialogue import Dialogue
from eva.models.positions import require_positions
from eva.settings.sft_section import Sft
from eva.training.examples import Examples, dialogue_examples
from eva.training.footprint import full_bytes
from eva.training.job import Job, Plan
from eva.training.readiness import ready, require_learning
from eva.training.result import TrainResult
from eva.training.run_store import run_inputs
from eva.training.train_or_reuse import train_or_reuse

log = logging.getLogger(__name__)

TRAINER = "eva.training.sft_trainer"


def train(
    settings: Sft,
    train: Sequence[Dialogue],
    valid: Sequence[Dialogue],
    model_dir: Path,
    out: Path,
    seed: int,
    store: Path,
) -> TrainResult:
    """Fine-tune the model in `model_dir` and write it to `out`, complete and in fp32.

    Metrics: held-out `nll_before`/`nll_after` (nats per supervised token) and their perplexities,
    `train_loss_first`/`train_loss_last`, and counts of dialogues, windows and tokens.

    Args:
        settings: section `sft`.
        train: training dialogues.
        valid: held-out dialogues.
        model_dir: Hugging Face folder with chat template.
        out: folder to write; replaced only when the training is done.
        seed: random seed of shuffling and dropout.
        store: checkpoint store, shared by all trainings.

    Raises:
        InputError: before the model loads, if the inputs cannot be trained on.
        RuntimeError: a process of a distributed training failed.
    """
    planned = plan(settings, train, valid, model_dir, seed)
    from eva.training.sft_trainer import fit

    return train_or_reuse(planned, fit, out, store)


def plan(
    settings: Sft, train: Sequence[Dialogue], valid: Sequence[Dialogue], model_dir: Path, seed: int
) -> Plan[Sft]:
    """Check and encode the inputs of one training; raises InputError, see `train`."""
    from eva.models.chat import check_chat_template
    from eva.models.loading import load_tokenizer

    settings = ready("sft", settings)
    require_positions(model_dir, settings.max_length, "sft.max_length")
    check_chat_template(model_dir)
    tokenizer = load_tokenizer(model_dir)
    log.info("sft: encoding %d training and %d held-out dialogues", len(train), len(valid))
    length, weighting = settings.max_length, settings.loss_weighting
    rows = dialogue_examples(tokenizer, train, length, "sft: train split", weighting)
    held_out = dialogue_examples(tokenizer, valid, length, "sft: valid split")
    require_learning("sft", settings, len(rows.rows))
    digests = {"train": rows.digest, "valid": held_out.digest}
    inputs = run_inputs("sft", TRAINER, settings, model_dir, seed, digests)
    counts = _counts(rows, held_out)
    job = Job(settings, model_dir.resolve(), seed, rows.dataset(), held_out.dataset(), counts)
    return Plan(job, inputs, full_bytes(model_dir, settings))


def _counts(train: Examples, valid: Examples) -> dict[str, int]:
    return {
        "dialogues": train.sources,
        "windows": len(train.rows),
        "tokens": train.tokens,
        "supervised_tokens": train.supervised,
        "valid_dialogues": valid.sources,
        "valid_supervised_tokens": valid.supervised,
    }
