"""The level classifier of EVAEval (Appendix F) and the reference histogram V.

V is computed from the classifier's out-of-fold labels of the human training turns, because a system's T is
computed from labels of the same classifier. If V were computed from the annotations, errors of the classifier
would count as errors of the system. T, like V, uses the single fold models instead of their mean, which makes
other errors (ADR 28).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eva.artifacts import digest_file, fingerprint, new_folder, write_json
from eva.data.dialogue import Dialogue
from eva.data.prepare import Dropped
from eva.errors import InputError
from eva.models.positions import require_positions
from eva.scorers.cross_validation import CrossValidation, cross_validate
from eva.scorers.encoder_classifier import Fitter
from eva.scorers.ensemble import Ensemble, with_probe
from eva.scorers.kept_parts import Kept, keeping, training_inputs
from eva.scorers.labeller import Labeller
from eva.scorers.level_examples import LevelExample, from_turns, from_utterances, read_level_file
from eva.scorers.level_scorecard import LEVEL_LABELS, LevelEvidence, LevelScorecard, level_evidence
from eva.scorers.level_timing import timing
from eva.scorers.reference import LevelledTurn, Reference, reference_from_levels
from eva.scorers.scorer_folder import LabelSet, save
from eva.settings.level_classifier_section import LevelClassifier

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LevelResult:
    """The trained classifier's results and V; the model itself is in its folder."""

    scorecard: LevelScorecard
    reference: Reference


def train_level_classifier(
    settings: LevelClassifier,
    encoder_dir: Path,
    probe_dir: Path,
    splits: Mapping[str, Sequence[Dialogue]],
    labels: Path,
    out: Path,
    dropped: Sequence[Dropped] = (),
    store: Path | None = None,
) -> LevelResult:
    """Cross-validate, and write the fold models, their scorecard and V to the folder `out`.

    Rows are the utterances of train and valid with the level of their strategy, or those of the file
    `labels`, as `settings.labels` says. Dialogues that `prepare` dropped from these splits (`dropped`) are
    also used for training, and those dropped from test for testing, because their labels are not worse. V
    always covers the human turns of the training dialogues in `splits`. `encoder_dir` and `probe_dir` have
    the models that `settings` names. An interrupted training continues after its finished folds, which are
    in the checkpoint store `store`.
    """
    for folder in [encoder_dir, *([probe_dir] if settings.probe_share else [])]:
        require_positions(folder, settings.max_length, "level_classifier.max_length")
    labelled = _labelled(settings, splits, labels, dropped)
    rows = _with_training_turns(labelled, from_turns(splits["train"], settings.context_turns))
    models = {"encoder": encoder_dir, **({"probe": probe_dir} if settings.probe_share else {})}
    told = [[row.dialogue_id, row.text, row.level] for row in rows]
    inputs = training_inputs("level_classifier", __name__, settings, models, told)
    with keeping(store, inputs) as kept:
        final, validation = _fitted(settings, encoder_dir, probe_dir, rows, kept)
        scores = LevelScorecard(
            _cross_validated(rows, validation, settings),
            **_tested(final, splits.get("test", ()), _of_splits(dropped, "test"), settings),
        )
        reference = _reference(rows, validation, {one.id for one in splits["train"]}, settings, labels)
        _write(final, settings, scores, reference, out)
    return LevelResult(scores, reference)


def _fitted(
    settings: LevelClassifier, encoder_dir: Path, probe_dir: Path, rows: Sequence[LevelExample], kept: Kept
) -> tuple[Labeller, CrossValidation]:
    """The fold models, and the out-of-fold predictions."""
    texts = [row.text for row in rows]
    fitter = Fitter(encoder_dir, texts, len(LEVEL_LABELS), settings, kept)
    members: list[Ensemble] = []
    validation = cross_validate(
        with_probe(fitter, probe_dir, texts, kept),
        [row.level for row in rows],
        [row.dialogue_id for row in rows],
        "levels",
        members.append,
    )
    return Labeller(members), validation


def _of_splits(dropped: Sequence[Dropped], *splits: str) -> list[Dialogue]:
    return [row.dialogue for row in dropped if row.split in splits]


def _labelled(
    settings: LevelClassifier,
    splits: Mapping[str, Sequence[Dialogue]],
    labels: Path,
    dropped: Sequence[Dropped],
) -> list[LevelExample]:
    if settings.labels == "file":
        return read_level_file(labels, settings.context_turns)
    dialogues = [*splits["train"], *splits.get("valid", ()), *_of_splits(dropped, "train", "valid")]
    examples = from_utterances(dialogues, settings.context_turns)
    if not examples:
        raise InputError(
            f"level_classifier: no supporter utterance of corpus {settings.corpus!r} has a strategy, so "
            "there are no weak labels; choose a corpus with strategies (ESConv), or set `labels: file`"
        )
    return examples


def _with_training_turns(
    labelled: Sequence[LevelExample], turns: Sequence[LevelExample]
) -> list[LevelExample]:
    """`labelled` plus the examples of `turns` that are not in it, without label."""
    known = {(row.dialogue_id, row.turn) for row in labelled if row.whole}
    return [
        *labelled,
        *(replace(row, level=None) for row in turns if (row.dialogue_id, row.turn) not in known),
    ]


def _cross_validated(
    rows: Sequence[LevelExample], validation: CrossValidation, settings: LevelClassifier
) -> LevelEvidence:
    kept = [i for i, row in enumerate(rows) if row.level is not None]
    return level_evidence(
        validation.probabilities[kept],
        [rows[i].level or 0 for i in kept],
        [rows[i].quartile for i in kept],
        evidence=f"{settings.folds}-fold cross-validation grouped by dialogue, labels: {settings.labels}",
        seed=settings.seed,
        fold=validation.fold[kept],
        notes={
            "groups": len({rows[i].dialogue_id for i in kept}),
            **settings.model_dump(include={"context_turns", "encoder", "probe", "probe_share"}),
        },
    )


def _tested(
    labeller: Labeller,
    kept: Sequence[Dialogue],
    dropped: Sequence[Dialogue],
    settings: LevelClassifier,
) -> dict[str, Any]:
    """The parts of a `LevelScorecard` from the test split; each is None if the split has no levels."""
    rows = from_utterances(kept, settings.context_turns)
    more = from_utterances(dropped, settings.context_turns)
    turns = from_turns(kept, settings.context_turns)
    groups = [row.dialogue_id for row in turns]
    label = lambda texts: labeller.predict(texts, groups).argmax(axis=1)  # noqa: E731
    return {
        "test": _evidence(labeller, rows, settings, "utterances of the test split"),
        "test_all": _evidence(
            labeller, [*rows, *more], settings, "utterances of the test split with dropped dialogues"
        ),
        "test_turns": _evidence(labeller, turns, settings, "whole turns of the test split"),
        "timing": timing(label, turns, settings.seed) if turns else None,
    }


def _evidence(
    labeller: Labeller, turns: Sequence[LevelExample], settings: LevelClassifier, name: str
) -> LevelEvidence | None:
    rows = [row for row in turns if row.level is not None]
    if not any(row.level for row in rows):
        return None
    return level_evidence(
        labeller.predict([row.text for row in rows], [row.dialogue_id for row in rows]),
        [row.level or 0 for row in rows],
        [row.quartile for row in rows],
        evidence=f"{name} against its strategies, one fold model per dialogue",
        seed=settings.seed,
        notes={"dialogues": len({row.dialogue_id for row in rows})},
    )


def _reference(
    rows: Sequence[LevelExample],
    validation: CrossValidation,
    training: set[str],
    settings: LevelClassifier,
    labels: Path,
) -> Reference:
    predicted = validation.probabilities.argmax(axis=1).tolist()
    turns = [
        LevelledTurn(row.dialogue_id, row.turn, row.n_turns, level)
        for row, level in zip(rows, predicted, strict=True)
        if row.turn and row.whole and row.dialogue_id in training
    ]
    provenance = {
        "turns": "human turns of the training dialogues",
        "labeller": f"out-of-fold predictions, {settings.folds} folds grouped by dialogue",
        "corpus": settings.corpus,
        "labels": settings.labels,
        "labels_digest": digest_file(labels) if settings.labels == "file" else None,
        "rows_digest": fingerprint([[row.dialogue_id, row.turn, row.text, row.level] for row in rows]),
        "settings": settings.model_dump(),
    }
    return reference_from_levels(turns, provenance)


def _write(
    labeller: Labeller,
    settings: LevelClassifier,
    scores: LevelScorecard,
    reference: Reference,
    out: Path,
) -> None:
    labels = LabelSet("level", list(LEVEL_LABELS), settings.context_turns, settings.max_length)
    with new_folder(out) as folder:
        save(labeller.members, labels, folder)
        write_json(folder / "scorecard.json", scores.to_dict())
        reference.write(folder / "reference.json")
