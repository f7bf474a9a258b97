"""Scorers that read with the very model that they judge.

A scorer's probe reads with an untouched language model. Where that is also a judged backbone, the columns
of its metrics are marked: the judge shares what the variants of that backbone started from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eva.metrics.description import Description

MARK = "†"


@dataclass(frozen=True)
class Judge:
    """A scorer whose probe reads with `backbone` and has `share` of the vote on some `metrics` (a prefix)."""

    metrics: str
    backbone: str
    share: float


def judges(scorecards: Mapping[str, Mapping[str, Any]]) -> list[Judge]:
    """The scorers with a probe, as their scorecards tell."""
    return [judge for name, raw in scorecards.items() for judge in _judge(name, raw)]


def _judge(name: str, raw: Mapping[str, Any]) -> Iterator[Judge]:
    crossed = raw["cross_validated"]
    notes = crossed.get("five", crossed)["notes"]
    if notes.get("probe_share"):
        metrics = "evaeval" if "five" in crossed else f"epitome/{name.split()[-1].lower()}"
        yield Judge(metrics, notes["probe"], notes["probe_share"])


def marked(
    about: Mapping[str, Description], backbone: str, found: list[Judge]
) -> tuple[dict[str, Description], list[str]]:
    """Descriptions whose heading has the mark where `backbone` judges itself, and what the mark means."""
    own = [judge for judge in found if judge.backbone == backbone]
    shares = {name: judge.share for name in about for judge in own if name.startswith(judge.metrics)}
    described = {
        name: replace(one, heading=one.heading + MARK) if name in shares else one
        for name, one in about.items()
    }
    if not shares:
        return described, []
    votes = " or ".join(sorted({f"{share:.0%}" for share in shares.values()}))
    return described, [
        f"{MARK} The judge shares the judged backbone: a probe on an untouched copy of {backbone} has "
        f"{votes} of these scorers' vote."
    ]
