"""Emotional validation alignment (ALI): DPO of a LoRA adapter (paper section 4.1.2, Equation 4).

The reference is the same model with the adapter off, never a second copy (ADR 5).
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from eva.data.dialogue import Preference
from eva.models.positions import require_positions
from eva.settings.dpo_section import Dpo
from eva.training.examples import Examples, pair_examples
from eva.training.footprint import adapter_bytes
from eva.training.job import Job, Plan
from eva.training.readiness import ready, require_learning
from eva.training.result import TrainResult
from eva.training.run_store import run_inputs
from eva.training.train_or_reuse import train_or_reuse

log = logging.getLogger(__name__)

TRAINER = "eva.training.dpo_trainer"


def train(
    settings: Dpo,
    train: Sequence[Preference],
    valid: Sequence[Preference],
    model_dir: Path,
    out: Path,
    lora_targets: list[str],
    seed: int,
    store: Path,
) -> TrainResult:
    """Align the model in `model_dir` with preference pairs and write the LoRA adapter to `out`.

    Metrics: held-out `loss`, `margin` (of the rewards) and `accuracy` (ties count half) before and
    after, the loss of the first step (ln 2 by construction), and how many of the adapter's B
    matrices, all zero at the start, moved.

    Args:
        settings: section `dpo`.
        train: training pairs.
        valid: held-out pairs.
        model_dir: Hugging Face folder of the start model.
        out: folder to write; replaced only when the training is done.
        lora_targets: names of the linear modules that get an adapter.
        seed: random seed of the adapter's initialisation, shuffling and dropout.
        store: checkpoint store, shared by all trainings.

    Raises:
        InputError: before the model loads, if the inputs cannot be trained on.
        RuntimeError: a process of a distributed training failed.
    """
    planned = plan(settings, train, valid, model_dir, lora_targets, seed)
    from eva.training.dpo_trainer import fit

    return train_or_reuse(planned, fit, out, store)


def plan(
    settings: Dpo,
    train: Sequence[Preference],
    valid: Sequence[Preference],
    model_dir: Path,
    lora_targets: list[str],
    seed: int,
) -> Plan[Dpo]:
    """Check and encode the inputs of one alignment; raises InputError, see `train`."""
    from eva.models.chat import check_chat_template
    from eva.models.loading import load_tokenizer

    settings = ready("dpo", settings)
    needed = adapter_bytes(model_dir, lora_targets, settings.r, settings)
    answer = settings.sample_tokens if settings.samples else 0
    knob = "dpo.max_length" + (" with dpo.sample_tokens" if answer else "")
    require_positions(model_dir, settings.max_length + answer, knob)
    check_chat_template(model_dir)
    tokenizer = load_tokenizer(model_dir)
    log.info("dpo: encoding %d training and %d held-out pairs", len(train), len(valid))
    rows = pair_examples(tokenizer, train, settings.max_length, "dpo: training pairs")
    held_out = pair_examples(tokenizer, valid, settings.max_length, "dpo: held-out pairs")
    require_learning("dpo", settings, len(rows.rows))
    digests = {"train": rows.digest, "valid": held_out.digest}
    targets = sorted(lora_targets)
    inputs = run_inputs("dpo", TRAINER, settings, model_dir, seed, digests)
    counts = _counts(rows, held_out)
    job = Job(settings, model_dir.resolve(), seed, rows.dataset(), held_out.dataset(), counts, tuple(targets))
    return Plan(job, {**inputs, "lora_targets": targets}, needed)


def _counts(train: Examples, valid: Examples) -> dict[str, int]:
    return {
        "pairs": train.sources,
        "tokens": train.tokens,
        "response_tokens": train.supervised,
        "valid_pairs": valid.sources,
    }
