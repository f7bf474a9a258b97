"""The trained level classifier, probe and all, against a plain fine-tuning of its encoder, over four levels.

Plain: `transformers`' own sequence classifier and trainer with their defaults, the response alone, the
four levels only, two epochs. Both learned from the utterances of train and valid and are tested on
those of the whole test split. Intervals are over resampled dialogues.

Usage: PYTHONPATH=src python docs/results/plain.py models data/prepared/esconv

The first folder is what `dvc repro level_classifier` leaves; prints a few lines.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score

from eva.data.prepare import read_dropped, read_split
from eva.scorers.ensemble import Ensemble
from eva.scorers.labeller import Labeller
from eva.scorers.level_examples import LevelExample, from_utterances
from eva.scorers.level_scorecard import LEVEL_LABELS
from eva.scorers.scorer_folder import load

RESAMPLES = 1000
SPLITS = ("train", "valid", "test")
Labels = NDArray[np.int64]


def main(models: Path, prepared: Path) -> None:
    """Train the plain one; write accuracy and macro-F1 of both, and the differences."""
    classifier, labels = load(models / "level_classifier", "level", list(LEVEL_LABELS))
    train, test = (_levelled(prepared, splits, labels.context_turns) for splits in (SPLITS[:2], SPLITS[2:]))
    truth = np.array([row.level for row in test])
    ours, *members = (_levels(one, test) for one in (classifier, *_apart(classifier)))
    start = time.perf_counter()
    plain = _plain(models / "backbone" / "minilm", train, test)
    lines = [
        f"{len(test)} test utterances with a level, {len({row.dialogue_id for row in test})} dialogues",
        _line("ours", truth, ours),
        *(_line(f" {name}", truth, one) for name, one in zip(("encoder", "probe"), members, strict=False)),
        _line("plain", truth, plain) + f"  {time.perf_counter() - start:.0f} s",
        *_differences(truth, ours, plain, [row.dialogue_id for row in test]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _levelled(prepared: Path, splits: Sequence[str], context_turns: int) -> list[LevelExample]:
    dropped = [row.dialogue for row in read_dropped(prepared) if row.split in splits]
    kept = [dialogue for split in splits for dialogue in read_split(prepared, split)]
    return [row for row in from_utterances([*kept, *dropped], context_turns) if row.level]


def _apart(labeller: Labeller) -> list[Labeller]:
    """The encoders alone, and the probes alone."""
    kinds = zip(*(member.members for member in labeller.members), strict=True)
    return [Labeller([Ensemble([one], [1.0]) for one in kind]) for kind in kinds]


def _levels(labeller: Labeller, rows: Sequence[LevelExample]) -> Labels:
    """The likeliest of the four levels of each row, from 1."""
    found = labeller.predict([row.text for row in rows], [row.dialogue_id for row in rows])
    levels: Labels = 1 + found[:, 1:].argmax(axis=1)
    return levels


def _line(name: str, truth: Labels, found: Labels) -> str:
    return f"{name:<9}accuracy {accuracy_score(truth, found):.4f}  macro-F1 {_f1(truth, found):.4f}"


def _plain(encoder: Path, train: Sequence[LevelExample], test: Sequence[LevelExample]) -> Labels:
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(encoder)

    def encoded(row: LevelExample) -> dict[str, Any]:
        response = row.text if isinstance(row.text, str) else row.text[1]
        return {**tokenizer(response, truncation=True, max_length=128), "labels": (row.level or 1) - 1}

    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=4)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=2, per_device_train_batch_size=32,
            per_device_eval_batch_size=64, report_to="none", save_strategy="no", seed=0,
        )  # fmt: skip
        trainer = Trainer(
            model,
            arguments,
            DataCollatorWithPadding(tokenizer),
            train_dataset=[encoded(row) for row in train],
        )
        trainer.train()
        logits = trainer.predict([encoded(row) for row in test]).predictions
    return np.asarray(1 + logits.argmax(axis=1), dtype=np.int64)


def _differences(truth: Labels, ours: Labels, plain: Labels, groups: Sequence[str]) -> list[str]:
    """Ours minus plain, with 95 % intervals over resampled dialogues."""
    names = sorted(set(groups))
    members = [np.flatnonzero(np.array(groups) == name) for name in names]
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[i] for i in generator.integers(len(names), size=len(names))])
        drawn.append(_gap(truth[rows], ours[rows], plain[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    value = _gap(truth, ours, plain)
    return [
        f"{name:<9}{value[i]:+.4f} ({low[i]:+.4f} to {high[i]:+.4f})"
        for i, name in enumerate(("accuracy", "macro-F1"))
    ]


def _gap(truth: Labels, ours: Labels, plain: Labels) -> tuple[float, float]:
    accuracy = accuracy_score(truth, ours) - accuracy_score(truth, plain)
    return float(accuracy), _f1(truth, ours) - _f1(truth, plain)


def _f1(truth: Labels, found: Labels) -> float:
    return float(f1_score(truth, found, average="macro"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
