"""Checks that names in one section of `params.yaml` are rows of another.

A check is a function whose parameters are named as the sections that it reads. It runs only if all of
these are valid on their own.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eva.settings.backbones_section import Backbone
from eva.settings.capability_section import Capability
from eva.settings.collect_section import Collection
from eva.settings.corpora_section import Corpus
from eva.settings.curate_section import Curation
from eva.settings.epitome_section import Epitome
from eva.settings.level_classifier_section import LevelClassifier
from eva.settings.matrix_section import Matrix
from eva.settings.preferences_section import Preferences
from eva.settings.register_section import Register
from eva.settings.report_section import Report
from eva.settings.safety_section import Safety
from eva.settings.scorer_section import Scorer
from eva.settings.variants_section import Variant

Check = Callable[..., Iterator[str]]
Corpora = Mapping[str, Corpus]
Backbones = Mapping[str, Backbone]
Variants = Mapping[str, Variant]


def run_checks(checks: Sequence[Check], known: Mapping[str, Any]) -> Iterator[str]:
    """The problems that `checks` find; each is called with the `known` values named by its parameters.

    A check is skipped if one of its parameters is not in `known`.
    """
    for check in checks:
        names = inspect.signature(check).parameters
        if names.keys() <= known.keys():
            yield from check(**{name: known[name] for name in names})


def _matrix_rows(matrix: Matrix, corpora: Corpora, backbones: Backbones) -> Iterator[str]:
    causal = [name for name, row in backbones.items() if row.role == "causal"]
    yield from _absent("matrix.corpora", matrix.corpora, corpora)
    yield from _absent("matrix.backbones", matrix.backbones, causal)


def _preferences_rows(preferences: Preferences, corpora: Corpora, backbones: Backbones) -> Iterator[str]:
    yield from _absent("preferences.corpus", [preferences.corpus], corpora)
    yield from _absent("preferences.encoder", [preferences.encoder], _encoders(backbones))


def _collect_rows(collect: Mapping[str, Collection], corpora: Corpora) -> Iterator[str]:
    for name, row in collect.items():
        yield from _absent(f"collect.{name}.corpus", [row.corpus], corpora)


def _curate_rows(
    curate: Mapping[str, Curation], collect: Mapping[str, Collection], corpora: Corpora
) -> Iterator[str]:
    for name, row in curate.items():
        yield from _absent(f"curate.{name}.corpus", [row.corpus], corpora)
        yield from _absent(f"curate.{name}.collection", [row.collection], collect)
        theirs = collect[row.collection].corpus if row.collection in collect else row.corpus
        if theirs != row.corpus:
            yield f"`curate.{name}.corpus` is {row.corpus!r}, its collection's {theirs!r}; name the same."


def _level_classifier_rows(
    level_classifier: LevelClassifier, corpora: Corpora, backbones: Backbones
) -> Iterator[str]:
    yield from _absent("level_classifier.corpus", [level_classifier.corpus], corpora)
    yield from _scorer_rows("level_classifier", level_classifier, backbones)


def _epitome_rows(epitome: Epitome, backbones: Backbones) -> Iterator[str]:
    yield from _scorer_rows("epitome", epitome, backbones)


def _safety_rows(safety: Safety, corpora: Corpora, backbones: Backbones) -> Iterator[str]:
    yield from _absent("safety.corpus", [safety.corpus], corpora)
    yield from _absent("safety.encoder", [safety.encoder], _encoders(backbones))


def _compared_variants(capability: Capability, report: Report, variants: Variants) -> Iterator[str]:
    yield from _absent("capability.before", [capability.before], variants)
    yield from _absent("capability.after", [capability.after], variants)
    yield from _absent("report.baseline", [report.baseline], variants)


def _registered_item(register: Register, matrix: Matrix, variants: Variants) -> Iterator[str]:
    yield from _absent("register.corpus", [register.corpus], matrix.corpora)
    yield from _absent("register.backbone", [register.backbone], matrix.backbones)
    yield from _absent("register.variant", [register.variant], variants)
    if register.seed not in matrix.seeds:
        yield f"`register.seed` is {register.seed}, not in `matrix.seeds` {matrix.seeds}."


def _different_variants(variants: Variants) -> Iterator[str]:
    names: dict[Variant, str] = {}
    for name, row in variants.items():
        if row in names:
            yield (
                f"`variants.{name}` and `variants.{names[row]}` have the same training and prompt, so a "
                "model would be compared with itself; remove or change one of them."
            )
        names.setdefault(row, name)


def _scorer_rows(section: str, scorer: Scorer, backbones: Backbones) -> Iterator[str]:
    held = [name for name, row in backbones.items() if row.source != "endpoint"]
    yield from _absent(f"{section}.encoder", [scorer.encoder], _encoders(backbones))
    yield from _absent(f"{section}.probe", [scorer.probe], held)
    if scorer.probe == scorer.encoder:  # an ensemble of the same model twice
        yield (
            f"`{section}.probe` and `{section}.encoder` are both {scorer.probe!r}: name another backbone "
            "as `probe` (it is not read while `probe_share` is 0)."
        )


def _encoders(backbones: Backbones) -> list[str]:
    return [name for name, row in backbones.items() if row.role == "encoder"]


def _absent(key: str, names: Sequence[str], rows: Mapping[str, Any] | Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in rows:
            yield f"`{key}` names {name!r}, which does not exist. Known: {', '.join(rows)}."


REFERENCES: Sequence[Check] = (
    _matrix_rows,
    _preferences_rows,
    _collect_rows,
    _curate_rows,
    _level_classifier_rows,
    _epitome_rows,
    _safety_rows,
    _compared_variants,
    _registered_item,
    _different_variants,
)
