"""Emotional validation alignment (ALI): DPO of a LoRA adapter (paper section 4.1.2, Equation 4).

The reference is the same model with the adapter off, never a second copy (design decision 1).
"""

from collections.abc import Sequence
from pathlib import Path

from eva.data.dialogue import Preference
from eva.devices import decide
from eva.settings.dpo_section import Dpo
from eva.training import launch
from eva.training.examples import pair_examples
from eva.training.footprint import adapter_bytes
from eva.training.job import Job, Plan, complete
from eva.training.result import TrainResult
from eva.training.resume import run_inputs


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
    """Align the model of `model_dir` by preference pairs and write the adapter to `out`.

    Metrics: held-out `loss`, `margin` (of the rewards) and `accuracy` (ties count half) before and
    after, the loss of the first step (ln 2 by construction), and how many of the adapter's B
    matrices, all zero at the start, moved.

    Args:
        settings: section `dpo`.
        train: pairs to learn from.
        valid: held-out pairs.
        model_dir: Hugging Face folder of the start model.
        out: folder to write; replaced only when the training is done.
        lora_targets: names of the linear modules to adapt.
        seed: of the adapter's start, shuffling and dropout.
        store: checkpoint store, shared by all trainings.

    Raises:
        InputError: before the model loads, if the inputs cannot be trained on.
        RuntimeError: a process of a distributed training failed.
    """
    return complete(plan(settings, train, valid, model_dir, lora_targets, seed), out, store)


def plan(
    settings: Dpo,
    train: Sequence[Preference],
    valid: Sequence[Preference],
    model_dir: Path,
    lora_targets: list[str],
    seed: int,
) -> Plan:
    """Check and encode the inputs of one alignment."""
    from eva.models.chat import check_chat_template
    from eva.models.loading import load_tokenizer

    launch.check(settings, "dpo")
    settings = settings.model_copy(update={"precision": decide(settings.precision, "dpo.precision").name})
    needed = adapter_bytes(model_dir, lora_targets, settings.r)
    check_chat_template(model_dir)
    tokenizer = load_tokenizer(model_dir)
    splits = {
        "train": pair_examples(tokenizer, train, settings.max_length, "dpo: training pairs"),
        "valid": pair_examples(tokenizer, valid, settings.max_length, "dpo: held-out pairs"),
    }
    counts = {
        "pairs": splits["train"].sources,
        "tokens": splits["train"].tokens,
        "response_tokens": splits["train"].supervised,
        "valid_pairs": splits["valid"].sources,
    }
    targets = sorted(lora_targets)
    digests = {name: examples.digest for name, examples in splits.items()}
    inputs = run_inputs("dpo", settings, model_dir, seed, digests)
    knobs = settings.model_dump(mode="json")
    job = Job("dpo", knobs, str(model_dir.resolve()), seed, counts, targets)
    return Plan(job, {**inputs, "lora_targets": targets}, splits, needed)
