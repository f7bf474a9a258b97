"""What `eva annotate` prints: progress, decisions, agreement, a line for each annotator."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eva.text_columns import align

if TYPE_CHECKING:
    from eva.annotation.annotators import AnnotatorRow
    from eva.annotation.coefficients import Coefficient
    from eva.annotation.consensus import Consensus
    from eva.annotation.round_key import Round
    from eva.annotation.task_answers import Answer


def progress_table(made: "Round", given: "Sequence[Answer]") -> str:
    """One line for each annotator: tasks answered, tasks in all, minutes; then the overlap."""
    done = Counter(answer.annotator for answer in given)
    total = {name: len(tasks) for name, tasks in made.key.assignments.items()}
    rows = [["annotator", "answered", "of", "minutes"]]
    for name in [*total, *sorted(done.keys() - total.keys())]:
        times = [
            answer.seconds for answer in given if answer.annotator == name and answer.seconds is not None
        ]
        minutes = f"{sum(times) / 60:.0f}" if times else "-"
        rows.append([name, str(done[name]), str(total.get(name, len(made.key.shared))), minutes])
    per_item = Counter(answer.task.item for answer in given if not answer.task.repeat)
    overlap = Counter(per_item[item] for item in made.items)
    lines = [f"{items} items have {n} annotators" for n, items in sorted(overlap.items())]
    return "\n".join([*align(rows), "", *lines])


def report_text(reached: "Consensus") -> str:
    """The whole report of an import."""
    table = [["agreement on", "candidates", "Fleiss' kappa", "interval", "Krippendorff's alpha", "interval"]]
    table += [[one.of, str(one.subjects), *_both(one.kappa), *_both(one.alpha)] for one in reached.agreed]
    intervals = f"{reached.settings.confidence:.0%} intervals over {reached.resampled}"
    return "\n".join(
        [
            *_decided(reached),
            "",
            *align(table),
            f"{intervals}; exact ones of error rates",
            "",
            *align(list(_annotators(reached.annotators))),
            *(f"{row.annotator}: {sign}" for row in reached.annotators for sign in row.signs),
        ]
    )


def _decided(reached: "Consensus") -> Iterator[str]:
    decisions, is_ranking = reached.decisions, reached.made.key.kind == "ranking"
    what = "items" if is_ranking else "candidates"
    voted = [one for one in decisions if one.annotators]
    kept = [one for one in decisions if one.kept]
    numbers = sorted({one.annotators for one in voted})
    several = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else str(numbers[0])
    yield f"{len(kept)} of {len(decisions)} {what} kept; {several} annotators each"
    if is_ranking:
        few = sum(len(one.order) < 2 for one in voted)
        split = len(voted) - len(kept) - few
        yield f"left out: {split} with too many against the majority, {few} without two usable candidates"
        unsure = sum(one.against_last > reached.most_against * one.annotators for one in kept)
        yield f"of those kept, {unsure} have as many against the least appropriate one"
    if absent := len(decisions) - len(voted):
        yield f"not annotated: {absent} {what}"


def _both(found: "Coefficient") -> list[str]:
    value = "-" if found.value is None else f"{found.value:.3f}"
    return [value, "-" if found.ci is None else f"{found.ci[0]:.3f} to {found.ci[1]:.3f}"]


def _annotators(rows: "Sequence[AnnotatorRow]") -> Iterator[list[str]]:
    yield ["annotator", "tasks", "minutes", "s per task", "errors", "rate", "interval", "flagged", "changed"]
    for row in rows:
        error = "-" if row.error is None else f"{row.error:.3f}"
        ci = "-" if row.error is None else f"{row.error_ci[0]:.3f} to {row.error_ci[1]:.3f}"
        changed = f"{row.reversed} of {row.comparisons}" if row.comparisons else "-"
        yield [
            row.annotator,
            str(row.tasks),
            "-" if row.minutes is None else f"{row.minutes:.0f}",
            "-" if row.seconds is None else f"{row.seconds:.0f}",
            f"{row.errors} of {row.judged}",
            error,
            ci,
            str(row.flagged),
            changed,
        ]
