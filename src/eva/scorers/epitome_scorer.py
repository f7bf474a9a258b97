"""Training one of EPITOME's three scorers (Sharma et al. 2020; the paper's Appendix G)."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eva.artifacts import new_folder, write_json
from eva.data.epitome import EpitomePair
from eva.errors import InputError
from eva.models.positions import require_positions
from eva.scorers.cross_validation import cross_validate
from eva.scorers.ensemble import Ensemble, EnsembleFitter, with_probe
from eva.scorers.kept_parts import keeping, training_inputs
from eva.scorers.labeller import share_of
from eva.scorers.scorecard import Scorecard, scorecard
from eva.scorers.scorer_folder import LabelSet, save
from eva.scorers.sentence_fitter import Pair, SentenceFitter
from eva.settings.epitome_section import Epitome

log = logging.getLogger(__name__)


DEGREE_LABELS = ("0", "1", "2")
_SHARES = 10_000  # resolution of `test_share`


@dataclass(frozen=True)
class Cleaned:
    """Pairs suitable for training, and counts of those left out.

    `repeats` counts rows that repeat a pair with the same degree: one of each is kept. `conflicts`
    counts pairs that have two degrees: none of their rows is kept, since nothing says which is
    right and a held-out copy would measure chance only.
    """

    pairs: list[EpitomePair]
    repeats: int
    conflicts: int
    repeated_pairs: int


@dataclass(frozen=True)
class EpitomeScorecard:
    """Results by cross-validation, and results of the final scorer on held-out test posts (None: no test).

    A hash of the post's text determines whether it is a test post. The final scorer was not trained on them;
    the penalties of its regressions were chosen earlier, by cross-validation on all posts.
    """

    cross_validated: Scorecard
    test: Scorecard | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def headline(self) -> dict[str, float]:
        """The main numbers of cross-validation, and with prefix `test/` those of the test."""
        tested = self.test.headline() if self.test else {}
        return self.cross_validated.headline() | {f"test/{name}": value for name, value in tested.items()}


@dataclass(frozen=True)
class ScorerResult:
    """The trained scorer's results; the model itself is in its folder."""

    scorecard: EpitomeScorecard


def train_scorer(
    settings: Epitome,
    mechanism: str,
    encoder_dir: Path,
    probe_dir: Path,
    pairs: Sequence[EpitomePair],
    out: Path,
    store: Path | None = None,
) -> ScorerResult:
    """Cross-validate and train on all pairs except test pairs; write model and scorecard to `out`.

    The sentence scorer reads post and response, and the rationales teach it which sentences count; the
    probe beside it reads the response alone. All pairs of a seeker post are in one fold, or tested on.
    `encoder_dir` and `probe_dir` have the models that `settings` names. An interrupted training goes on
    from what they have read, kept in the checkpoint store `store`.
    """
    cleaned = clean(pairs)
    learnt, tested = _divide(cleaned.pairs, settings.test_share)
    levels = [pair.level for pair in learnt]
    if len(set(levels)) < 2:
        raise InputError(
            f"epitome/{mechanism}: all {len(levels)} pairs have the same degree, so nothing can be "
            "learned; use data with at least two of the degrees 0, 1, 2"
        )
    for folder in [encoder_dir, *([probe_dir] if settings.probe_share else [])]:
        require_positions(folder, settings.max_length, "epitome.max_length")
    rows = [Pair(pair.seeker_post, pair.response_post, pair.rationales, _group(pair)) for pair in learnt]
    models = {"encoder": encoder_dir, **({"probe": probe_dir} if settings.probe_share else {})}
    told = [
        [row.post, row.response, list(row.rationales), level] for row, level in zip(rows, levels, strict=True)
    ]
    inputs = {**training_inputs("epitome", __name__, settings, models, told), "mechanism": mechanism}
    with keeping(store, inputs) as kept:
        sentence_fitter = SentenceFitter(encoder_dir, rows, len(DEGREE_LABELS), settings, kept)
        fitter = with_probe(sentence_fitter, probe_dir, [row.response for row in rows], kept)
        final, crossed = _fitted(fitter, settings, mechanism, rows, levels, cleaned)
        card = EpitomeScorecard(crossed, _tested(final, tested, settings) if tested else None)
        with new_folder(out) as folder:
            labels = LabelSet(f"epitome/{mechanism}", list(DEGREE_LABELS), 1, settings.max_length)
            save([final], labels, folder)
            write_json(folder / "scorecard.json", card.to_dict())
    return ScorerResult(card)


def _fitted(
    fitter: EnsembleFitter,
    settings: Epitome,
    mechanism: str,
    rows: Sequence[Pair],
    levels: Sequence[int],
    cleaned: Cleaned,
) -> tuple[Ensemble, Scorecard]:
    """The scorer fitted on all rows, and its scorecard by cross-validation."""
    validation = cross_validate(fitter, levels, [row.group for row in rows], mechanism)
    crossed = scorecard(
        validation.probabilities,
        levels,
        DEGREE_LABELS,
        evidence=f"{settings.folds}-fold cross-validation grouped by seeker post",
        seeds=[settings.seed],
        fold=validation.fold,
        notes=_notes(cleaned, settings),
    )
    return fitter.fit(levels, range(len(levels)), f"{mechanism}, final model"), crossed


def _divide(pairs: Sequence[EpitomePair], share: float) -> tuple[list[EpitomePair], list[EpitomePair]]:
    """Training pairs and test pairs: about `share` of the posts are test posts, by a hash of their text."""
    tested = {_group(pair) for pair in pairs if share_of(_group(pair), _SHARES) < share * _SHARES}
    return (
        [pair for pair in pairs if _group(pair) not in tested],
        [pair for pair in pairs if _group(pair) in tested],
    )


def _tested(final: Ensemble, pairs: Sequence[EpitomePair], settings: Epitome) -> Scorecard:
    return scorecard(
        final.predict([(pair.seeker_post, pair.response_post) for pair in pairs]),
        [pair.level for pair in pairs],
        DEGREE_LABELS,
        evidence="test posts, not used for training; penalties were chosen earlier, on all posts",
        seeds=[settings.seed],
        notes={"posts": len({_group(pair) for pair in pairs})},
    )


def clean(pairs: Sequence[EpitomePair]) -> Cleaned:
    """One row per (seeker post, response); pairs with conflicting degrees are dropped."""
    rows: dict[tuple[str, str], list[EpitomePair]] = {}
    for pair in pairs:
        rows.setdefault((pair.seeker_id, pair.response_id), []).append(pair)
    agreed = [same for same in rows.values() if len({pair.level for pair in same}) == 1]
    return Cleaned(
        pairs=[same[0] for same in agreed],
        repeats=sum(len(same) - 1 for same in agreed),
        conflicts=len(rows) - len(agreed),
        repeated_pairs=sum(len(same) > 1 for same in rows.values()),
    )


def _group(pair: EpitomePair) -> str:
    """The group of a pair: the seeker post's text, since some posts appear with several ids."""
    return pair.seeker_post.casefold()


def _notes(cleaned: Cleaned, settings: Epitome) -> dict[str, object]:
    return {
        "posts": len({_group(pair) for pair in cleaned.pairs}),
        "repeated_pairs": cleaned.repeated_pairs,
        "repeated_rows_dropped": cleaned.repeats,
        "conflicting_pairs_dropped": cleaned.conflicts,
        "rule": "one row per pair; pairs repeated with another degree are dropped whole",
        "encoder": settings.encoder,
        "probe": settings.probe,
        "probe_share": settings.probe_share,
        "class_weights": f"(1 / class count) ** {settings.balance}",
    }
