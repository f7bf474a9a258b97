"""DPO: a dialogue's pairs as one tree, against the authors' recipe and against TRL with PEFT."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.corpus import settings
from benchmarks.timing import Row, Seconds, Work, in_turn, once, ratios
from trl import DPOConfig, DPOTrainer

from eva.compat.trl_hooks import RowsAsEncoded
from eva.data.dialogue import Preference
from eva.models.loading import load_model, load_tokenizer
from eva.settings.dpo_section import Dpo
from eva.training import dpo, dpo_trainer
from eva.training.attention import set_attention
from eva.training.pair_batch import PairBatch
from eva.training.reference_scores import _computed

EPOCHS = 6  # of the paper
_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")


class _TimedReference(RowsAsEncoded, DPOTrainer):  # type: ignore[misc]
    """TRL's trainer, which says what its precomputed reference cost."""

    def _precompute_ref_logps(self, *given: Any) -> Any:
        found: list[Any] = []
        self.reference_seconds = once(
            lambda: found.append(super(_TimedReference, self)._precompute_ref_logps(*given))
        )
        return found[0]


def compare(
    model: Path, chosen: Sequence[Preference], rounds: int, work: str, bars: dict[str, tuple[float, float]]
) -> list[Row]:
    """One epoch each way, and the reference of those that compute it once; a row for each baseline of `bars`.

    Ratios are those of six epochs with the reference: once for us and for TRL with PEFT, in every epoch
    (and by a second model) in the authors' recipe.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = _Ours(model, chosen, Path(folder))
        others = {name: _BASELINES[name](model, chosen, Path(folder)) for name in bars}
        ways = {"EVA": own.trainer.train, **{name: other.train for name, other in others.items()}}
        seconds = in_turn(ways, rounds)
        reference = once(own.reference())
    found = []
    for name, (least, aim) in bars.items():
        row = Row(f"{work}, against {name}", "fp32", least, aim)
        row.tokens = {"EVA": own.tokens, name: _pairwise_tokens(others[name].train_dataset)}
        row.seconds = {"EVA": seconds["EVA"], name: seconds[name]}
        theirs = getattr(others[name], "reference_seconds", None)
        row.ratio = ratios(_whole(seconds["EVA"], reference), _whole(seconds[name], theirs))
        row.measured = {"reference": {"EVA": reference, name: theirs}}
        row.note = f"{len(chosen)} pairs; seconds of an epoch, ratio of {EPOCHS} epochs with the reference"
        found.append(row)
    return found


def _whole(epochs: list[Seconds], reference: Seconds | None) -> list[Seconds]:
    extra = reference or Seconds(0.0, 0.0)
    return [Seconds(EPOCHS * one.wall + extra.wall, EPOCHS * one.cpu + extra.cpu) for one in epochs]


def _pairwise_tokens(rows: Any) -> int:
    return sum(2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in rows)


class _Ours:
    """EVA's trainer on the pairs, one step over all of them."""

    def __init__(self, model: Path, chosen: Sequence[Preference], folder: Path) -> None:
        self.section, job = _job(model, chosen)
        self.trainer = dpo_trainer.build(job, folder)
        self.trainer.args.save_strategy = "no"
        self.rows = job.train
        self._folder = model
        self.tokens = PairBatch(list(job.train), self.section.tree_tokens).tokens

    def reference(self) -> Work:
        """The reference pass that `build` makes once."""
        model = load_model(self._folder, "float32")
        set_attention(model, self.section.attention)
        return lambda: _computed(model, self.rows, range(len(self.rows)), self.section)


def _job(model: Path, chosen: Sequence[Preference]) -> tuple[Dpo, Any]:
    section = Dpo.model_validate(
        settings(batch_size=len(chosen), beta=0.1, r=8, alpha=16, dropout=0.05, lr=2e-4)
    )
    return section, dpo.plan(section, chosen, chosen[:1], model, list(_TARGETS), 1).job


def authors(model: Path, chosen: Sequence[Preference], folder: Path) -> Any:
    """A second model as the reference, in every epoch, a pair at a time (ALI/dpo_peft_*.py)."""
    from peft import get_peft_model

    _, job = _job(model, chosen)
    policy = get_peft_model(load_model(model, "float32"), dpo_trainer._adapter(job))
    second = load_model(model, "float32")
    return _trl(job, load_tokenizer(model), folder / "authors", model=policy, ref_model=second)


def peft(model: Path, chosen: Sequence[Preference], folder: Path) -> Any:
    """TRL as it is best used: the adapter off is the reference, computed once."""
    _, job = _job(model, chosen)
    return _trl(
        job, load_tokenizer(model), folder / "peft", model=load_model(model, "float32"),
        peft_config=dpo_trainer._adapter(job), precompute_ref_log_probs=True,
    )  # fmt: skip


def _trl(job: Any, tokenizer: Any, folder: Path, precompute_ref_log_probs: bool = False, **given: Any) -> Any:
    config = DPOConfig(
        output_dir=str(folder), num_train_epochs=1, learning_rate=2e-4, per_device_train_batch_size=1,
        gradient_accumulation_steps=len(job.train), bf16=False, activation_checkpointing=False,
        max_length=None, precompute_ref_log_probs=precompute_ref_log_probs, disable_dropout=False,
        save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False, remove_unused_columns=False,
    )  # fmt: skip
    return _TimedReference(args=config, train_dataset=job.train, processing_class=tokenizer, **given)


_BASELINES = {"the authors' recipe": authors, "TRL with PEFT": peft}
