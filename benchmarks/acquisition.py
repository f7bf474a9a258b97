"""SFT: each dialogue once, against the authors' row per prefix through TRL; share of the matrix rate."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.corpus import Encoded, settings
from benchmarks.machine import matmul_rate
from benchmarks.timing import Row, in_turn, median, ratios

from eva.models.loading import load_model, load_tokenizer
from eva.settings.sft_section import Sft
from eva.training import sft
from eva.training.sft_trainer import build


def compare(model: Path, chosen: Sequence[Encoded], rounds: int) -> Row:
    """One optimizer step on the same dialogues with the same objective, both ways."""
    row = Row("SFT, each dialogue once", "fp32", 5, 8)
    rows = [prefix for one in chosen for prefix in one.prefixes]
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "EVA": ours(model, chosen, Path(folder), loss_weighting="prefix").train,
            "TRL, a row per prefix": _authors(model, rows, Path(folder)).train,
        }
        row.seconds = in_turn(ways, rounds)
    own, theirs = row.seconds.values()
    row.tokens = dict(
        zip(
            ways,
            (sum(len(one.input_ids) for one in chosen), sum(len(r["input_ids"]) for r in rows)),
            strict=True,
        )
    )
    row.ratio = ratios(own, theirs)
    row.note = f"{len(chosen)} dialogues, {len(rows)} prefixes, one optimizer step, equal gradients"
    return row


def share(model: Path, chosen: Sequence[Encoded], rounds: int, precision: str) -> Row:
    """EVA's SFT as a share of the machine's matrix rate, 6 FLOP per parameter and token."""
    least = {"fp32": 0.65, "bf16": 0.35}[precision]
    row = Row(f"SFT, share of the matrix rate in {precision}", precision, least)
    with tempfile.TemporaryDirectory() as folder:
        trainer = ours(model, chosen, Path(folder), precision=precision)
        rates = [matmul_rate(torch.float32 if precision == "fp32" else torch.bfloat16)]
        row.seconds = in_turn({"EVA": trainer.train}, rounds + 1)
        rates.append(matmul_rate(torch.float32 if precision == "fp32" else torch.bfloat16))
    row.seconds["EVA"] = row.seconds["EVA"][1:]  # the first one warms up
    parameters, tokens = trainer.model.num_parameters(), sum(len(one.input_ids) for one in chosen)
    pace = tokens / median(row.seconds["EVA"])
    row.tokens = {"EVA": tokens}
    row.measured = {
        "tokens_per_second": pace,
        "matmul_gflops": max(rates) / 1e9,
        "share": 6 * parameters * pace / max(rates),
    }
    row.note = f"{pace:.0f} tokens/s, matrix products at {max(rates) / 1e9:.0f} GFLOP/s"
    return row


def ours(model: Path, chosen: Sequence[Encoded], folder: Path, **change: Any) -> Any:
    """EVA's trainer, one step over all dialogues."""
    section = Sft.model_validate(settings(batch_size=len(chosen), **change))
    dialogues = [one.dialogue for one in chosen]
    trainer = build(sft.plan(section, dialogues, dialogues[:1], model, 1).job, folder)
    trainer.args.save_strategy = "no"
    return trainer


def _authors(model: Path, rows: Sequence[Any], folder: Path) -> Any:
    """TRL's trainer, a batch of one row at a time, one step over all rows."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(
        output_dir=str(folder / "trl"), num_train_epochs=1, learning_rate=5e-5, per_device_train_batch_size=1,
        gradient_accumulation_steps=len(rows), bf16=False, activation_checkpointing=False, max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True}, save_strategy="no", report_to="none",
        disable_tqdm=True, use_cpu=not torch.cuda.is_available(), dataloader_pin_memory=False,
    )  # fmt: skip
    return SFTTrainer(
        model=load_model(model, "float32"), args=config, train_dataset=Dataset.from_list(list(rows)),
        processing_class=load_tokenizer(model),
    )  # fmt: skip
