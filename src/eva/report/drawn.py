"""The figures of one corpus and backbone, for the page and as files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from eva.metrics.phrases import TOP_WITHIN
from eva.report import figures
from eva.report.analysis import Analysis
from eva.report.inputs import Curve


@dataclass(frozen=True)
class Drawn:
    """SVGs of one corpus and backbone; dictionaries have one per variant."""

    place: str
    profiles: dict[str, Markup]
    response_types: Markup | None
    repetition: Markup | None
    top_phrases: dict[str, Markup]
    repeated_phrases: dict[str, Markup]
    curves: dict[str, Markup]

    def files(self) -> Iterator[tuple[str, str]]:
        """(name, SVG) of every figure."""
        for kind, by_name in (
            ("levels", self.profiles),
            ("top-phrases", self.top_phrases),
            ("repeated-phrases", self.repeated_phrases),
            ("training", self.curves),
        ):
            files = ((name.replace(" ", "-"), svg) for name, svg in by_name.items())
            yield from ((f"{self.place}-{kind}-{name}.svg", svg) for name, svg in files)
        for kind, figure in (("response-types", self.response_types), ("repetition", self.repetition)):
            if figure is not None:
                yield f"{self.place}-{kind}.svg", figure


def draw(analysis: Analysis, curves: Sequence[Curve]) -> Drawn:
    """All figures of one analysis, and the training curves."""
    types, repeated = analysis.response_types, analysis.repetition
    spoken = {one.name: one.by_order[analysis.ngram] for one in analysis.phrases}
    # The same axis for all variants, so that bars can be compared between figures.
    limit = 1.15 * max((found[0].response_share for found in spoken.values() if found), default=1.0)
    return Drawn(
        place=f"{analysis.corpus}-{analysis.backbone}",
        profiles={
            variant: _safe(figures.level_profile(variant, profile, analysis.reference))
            for variant, profile in analysis.levels.items()
        },
        response_types=_safe(figures.response_types(types)) if types else None,
        repetition=_safe(figures.repetition(repeated)) if repeated else None,
        top_phrases={v: _safe(figures.top_phrases(found, limit)) for v, found in spoken.items() if found},
        repeated_phrases={
            v: _safe(figures.repeated_phrases(found[:TOP_WITHIN])) for v, found in spoken.items() if found
        },
        curves={stage: _safe(figures.curves(stage, found)) for stage, found in _own(analysis, curves)},
    )


def _safe(svg: str) -> Markup:
    """An SVG made by matplotlib, which escapes every text, marked as safe."""
    return Markup(svg)  # noqa: S704


def _own(analysis: Analysis, curves: Sequence[Curve]) -> list[tuple[str, list[Curve]]]:
    own = [c for c in curves if (c.item.corpus, c.item.backbone) == (analysis.corpus, analysis.backbone)]
    return [(stage, list(found)) for stage, found in groupby(own, key=lambda curve: curve.stage)]
