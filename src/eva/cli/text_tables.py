"""Scores, comparisons and human ratings as aligned text tables."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from eva.metrics.compare import Difference
from eva.metrics.score import ScoreResult
from eva.metrics.values import MetricValue
from eva.statistics.verdicts import MARKS, WORDS, verdict
from eva.text_columns import align

if TYPE_CHECKING:
    from eva.human.correlation import Correlation
    from eva.human.outcome import Outcome
    from eva.human.ratings import Ratings


NOT_MEASURED = "not measured"
_AGREEMENT = ("Fleiss' kappa", "interval", "Krippendorff's alpha", "interval")
Layout = Callable[[Sequence[Sequence[str]], Collection[int]], list[str]]


def score_table(result: ScoreResult, layout: Layout = align) -> str:
    """One line per metric.

    The column `noise`, the value that the reference itself would get, is there only if some metric has it.
    """
    values = result.metrics
    floors = any(value.noise_floor is not None for value in values.values())
    rows = [["metric", "value", "interval", *(["noise"] if floors else []), "n", "unit"]]
    for name, value in values.items():
        floor = [_number(value.noise_floor)] if floors else []
        shown = [_number(value.value), _interval(value.ci)] if value.measured else [NOT_MEASURED, "-"]
        rows.append([name, *shown, *floor, str(value.n), value.about.unit])
    return _table(rows, (0, len(rows[0]) - 1), layout)


def systems_table(
    results: Mapping[str, ScoreResult], versus: Mapping[str, Sequence[Difference]], layout: Layout = align
) -> str:
    """One line a metric, a column a system: the value, its interval, and the mark against the baseline.

    `versus` holds each system's differences from the baseline; none without one.
    """
    marks = {name: {one.metric: MARKS[one.verdict] for one in found} for name, found in versus.items()}
    rows = [["metric", *results, "unit"]]
    first = next(iter(results.values()))
    for metric, described in first.metrics.items():
        cells = [
            _valued(result.metrics[metric], marks.get(name, {}).get(metric, ""))
            for name, result in results.items()
        ]
        rows.append([metric, *cells, described.about.unit])
    return _table(rows, (0, len(rows[0]) - 1), layout)


def _valued(value: MetricValue, mark: str) -> str:
    if not value.measured:
        return NOT_MEASURED
    interval = f" ({_interval(value.ci)})" if value.ci else ""
    return f"{_number(value.value)}{interval} {mark}".rstrip()


def comparison_table(differences: Sequence[Difference], layout: Layout = align) -> str:
    """One line a metric: both values, their difference, interval, p alone and after Holm, the verdict."""
    rows = [["metric", "ours", "baseline", "difference", "interval", "p", "p, Holm", "effect", "verdict"]]
    rows += [
        [
            row.metric,
            _number(row.ours),
            _number(row.theirs),
            _signed(row.difference),
            _interval(row.ci),
            _number(row.p_value),
            _number(row.p_adjusted),
            "-" if row.effect_size is None else f"{row.effect_size:+.2f}",
            WORDS[row.verdict] if row.measured else NOT_MEASURED,
        ]
        for row in differences
    ]
    return _table(rows, (0, len(rows[0]) - 1), layout)


def human_table(outcome: "Outcome", ratings: "Ratings", confidence: float) -> str:
    """The size of the study, the share of every label, and for each criterion net wins and agreement."""
    form, systems = ratings.key.form, ratings.key.systems
    head = [
        f"{len(ratings.key.items)} items of {len(ratings.dialogue_of()[0])} dialogues, "
        f"{ratings.ratings_per_item} ratings each, {len(ratings.raters)} raters; "
        f"{confidence:.0%} intervals over resamples of dialogues",
    ]
    if form.is_pairwise:
        head.append(f"win means: {systems[0].name} is better than {systems[1].name}")
    names = [criterion.name for criterion in form.criteria]
    shares = [["criterion", "label", "% of ratings", "interval", "% of majorities", "interval"]]
    shares += [
        [name, label, *_figure(outcome, f"{name}/{label}"), *_figure(outcome, f"{name}/majority_{label}")]
        for name in names
        for label in form.labels
    ]
    return "\n".join(
        [
            *head,
            "",
            _table(shares, left=(0, 1)),
            "",
            _table(list(_agreement(outcome, names, form.is_pairwise)), left=(0,)),
        ]
    )


def _agreement(outcome: "Outcome", names: Sequence[str], is_pairwise: bool) -> Iterator[list[str]]:
    if not is_pairwise:
        yield ["criterion", *_AGREEMENT]
        yield from ([name, *_both(outcome, f"{name}/")] for name in names)
        return
    yield ["criterion", "win - lose", "interval", "verdict", *_AGREEMENT]
    for name in names:
        said = _net_verdict(outcome.metrics[f"human/{name}/net"].ci)
        yield [name, *_figure(outcome, f"{name}/net"), said, *_both(outcome, f"{name}/")]
    yield ["all criteria", "", "", "", *_both(outcome, "")]
    yield ["% left of left and right", *_figure(outcome, "left"), *[""] * (1 + len(_AGREEMENT))]


def _both(outcome: "Outcome", prefix: str) -> list[str]:
    return [*_figure(outcome, f"{prefix}kappa"), *_figure(outcome, f"{prefix}alpha")]


def _figure(outcome: "Outcome", name: str) -> list[str]:
    value = outcome.metrics.get(f"human/{name}")
    return ["-", "-"] if value is None else [_number(value.value), _interval(value.ci)]


def _net_verdict(ci: tuple[float, float] | None) -> str:
    if ci is None:
        return WORDS[None]
    return WORDS[verdict(ci[0], within_noise=ci[0] <= 0 <= ci[1], higher_is_better=True)]


def correlation_table(correlations: Sequence["Correlation"]) -> str:
    """One line for each metric, criterion and unit (response or dialogue)."""
    rows = [["metric", "criterion", "unit", "rho", "interval", "p", "p, Holm", "n"]]
    rows += [
        [
            row.metric,
            row.criterion,
            row.unit,
            f"{row.rho:+.3f}",
            "-" if row.ci is None else f"{row.ci[0]:+.3f} to {row.ci[1]:+.3f}",
            _number(row.p_value),
            _number(row.p_adjusted),
            str(row.n),
        ]
        for row in correlations
    ]
    return _table(rows, left=(0, 1, 2))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _signed(value: float | None) -> str:
    text = _number(value)
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def _interval(ci: tuple[float, float] | None) -> str:
    return "-" if ci is None else f"{_number(ci[0])} to {_number(ci[1])}"


def _table(rows: Sequence[Sequence[str]], left: Sequence[int], layout: Layout = align) -> str:
    return "\n".join(layout(rows, left))
