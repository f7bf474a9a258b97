"""Marks scorers whose probe uses the same model as a judged backbone.

A scorer's linear probe uses a pretrained language model. If this is also the backbone of the judged variants,
the columns of the scorer's metrics are marked, since judge and variants share the pretrained weights.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eva.metrics.description import Description

MARK = "†"


@dataclass(frozen=True)
class Judge:
    """A scorer whose probe uses `backbone` with weight `share`, for metrics with the prefix `metrics`."""

    metrics: str
    backbone: str
    share: float


def judges(scorecards: Mapping[str, Mapping[str, Any]]) -> list[Judge]:
    """The scorers with a probe, according to their scorecards."""
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
    """Descriptions with marked headings if `backbone` is in their scorer, and notes that explain the mark."""
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
        f"{MARK} The scorer contains the judged backbone: a linear probe on the pretrained {backbone} has "
        f"{votes} of the weight in these scorers."
    ]
