"""The gate that built preference pairs must pass before a model is aligned on them.

DPO learns whatever tells chosen from rejected. The bounds keep that to the level: neither length nor
topic nor author may tell the sides apart (docs/footguns.md).
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from eva.errors import InputError
from eva.settings.preferences_section import Preferences
from eva.validation.gate import Verdict, conclude, report
from eva.validation.suites import Rule, between

log = logging.getLogger(__name__)

_CLOSER = (
    "chosen is closer in {closer:.0%} of them, 95% interval {closer_low:.0%} to {closer_high:.0%} "
    "(preferences.max_closer)"
)


def validate_pairs(
    backbone: str,
    measures: Mapping[str, float | None],
    settings: Preferences,
    rows: Mapping[str, int],
    out: Path,
) -> Verdict:
    """Judge what `eva.preferences.measures` found against the bounds, and write the folder `out`.

    A measure that is None was not to be had and breaks nothing. `rows` counts the pairs by side. Raises
    `InputError` with every broken bound; `out` is written all the same.
    """
    known = {name: float("nan") if value is None else float(value) for name, value in measures.items()}
    table = pd.DataFrame([{"split": "pairs", **known}])
    verdict = conclude(backbone, {"pairs": table}, {"pairs": pair_rules(settings)}, dict(rows), 1, out)
    if verdict.failures:
        page = out / "docs" / "index.html"
        lines = report(verdict, f"preference pairs of {backbone}, recipe {settings.recipe}")
        raise InputError("\n".join([*lines, f"All of it: {page}. {_advice(settings)}"]))
    log.info("preference pairs of %s: %d expectations hold", backbone, verdict.expectations)
    return verdict


def pair_rules(settings: Preferences) -> list[Rule]:
    """The suite of the one row of measures."""
    longest, closest = settings.max_length_ratio, settings.max_closer
    return [
        between(
            "levels_differ",
            "level_contrast",
            f"at least {settings.min_level_contrast:.0%} of the pairs have two different levels",
            "{level_contrast:.0%} do (preferences.min_level_contrast)",
            min_value=settings.min_level_contrast,
        ),
        between(
            "lengths_alike",
            "length_ratio",
            f"one side has at most {longest:g} times the words of the other",
            "chosen has {length_ratio:.2f} times those of rejected (preferences.max_length_ratio)",
            min_value=1 / longest,
            max_value=longest,
        ),
        between(
            "chosen_on_no_other_topic",
            "closer_low",
            f"chosen is closer to the history in at most {closest:.0%} of the pairs, give or take chance",
            _CLOSER,
            max_value=closest,
        ),
        between(
            "rejected_on_no_other_topic",
            "closer_high",
            f"rejected is closer to the history in at most {closest:.0%} of the pairs, give or take chance",
            _CLOSER,
            min_value=1 - closest,
        ),
        between(
            "one_author",
            "same_author",
            f"at least {settings.min_same_author:.0%} of the pairs have one author",
            "{same_author:.0%} have (preferences.min_same_author)",
            min_value=settings.min_same_author,
        ),
    ]


def _advice(settings: Preferences) -> str:
    change = "Set preferences.rejected to same_turn" if settings.recipe == "public" else "Give other pairs"
    return f"{change}, or move the bounds named above."
