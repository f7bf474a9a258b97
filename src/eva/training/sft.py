"""Empathy acquisition (ACQ): full-parameter fine-tuning on whole dialogues (paper section 4.1.1).

Each dialogue is trained once, with a loss on every supporter turn and its end token (design
decision 2). Weights stay in fp32, bf16 is an autocast.
"""

from collections.abc import Sequence
from pathlib import Path

from eva.data.dialogue import Dialogue
from eva.devices import decide
from eva.settings.sft_section import Sft
from eva.training import launch
from eva.training.examples import Examples, dialogue_examples
from eva.training.footprint import full_bytes
from eva.training.job import Job, Plan, complete
from eva.training.result import TrainResult
from eva.training.resume import run_inputs


def train(
    settings: Sft,
    train: Sequence[Dialogue],
    valid: Sequence[Dialogue],
    model_dir: Path,
    out: Path,
    seed: int,
    store: Path,
) -> TrainResult:
    """Fine-tune the model of `model_dir` and write it, fp32 and complete, to `out`.

    Metrics: held-out `nll_before`/`nll_after` (nats per supervised token) and their perplexities,
    `train_loss_first`/`train_loss_last`, and counts of dialogues, windows and tokens.

    Args:
        settings: section `sft`.
        train: dialogues to learn from.
        valid: held-out dialogues.
        model_dir: Hugging Face folder with chat template.
        out: folder to write; replaced only when the training is done.
        seed: of shuffling and dropout.
        store: checkpoint store, shared by all trainings.

    Raises:
        InputError: before the model loads, if the inputs cannot be trained on.
        RuntimeError: a process of a distributed training failed.
    """
    return complete(plan(settings, train, valid, model_dir, seed), out, store)


def plan(
    settings: Sft, train: Sequence[Dialogue], valid: Sequence[Dialogue], model_dir: Path, seed: int
) -> Plan:
    """Check and encode the inputs of one training."""
    from eva.models.chat import check_chat_template
    from eva.models.loading import load_tokenizer

    launch.check(settings, "sft")
    settings = settings.model_copy(update={"precision": decide(settings.precision, "sft.precision").name})
    check_chat_template(model_dir)
    tokenizer = load_tokenizer(model_dir)
    splits = {
        "train": dialogue_examples(tokenizer, train, settings.max_length, "sft: train split"),
        "valid": dialogue_examples(tokenizer, valid, settings.max_length, "sft: valid split"),
    }
    digests = {name: examples.digest for name, examples in splits.items()}
    job = Job("sft", settings.model_dump(mode="json"), str(model_dir.resolve()), seed, _counts(splits), [])
    inputs = run_inputs("sft", settings, model_dir, seed, digests)
    return Plan(job, inputs, splits, full_bytes(model_dir))


def _counts(splits: dict[str, Examples]) -> dict[str, int]:
    train, valid = splits["train"], splits["valid"]
    return {
        "dialogues": train.sources,
        "windows": len(train.rows),
        "tokens": train.tokens,
        "supervised_tokens": train.supervised,
        "valid_dialogues": valid.sources,
        "valid_supervised_tokens": valid.supervised,
    }
