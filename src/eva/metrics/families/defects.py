"""Metrics of defective responses: cut off, empty, withheld, without a thought, not English.

A row of the report with many defective responses is marked, because its other metrics then describe
fragments rather than responses.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from eva.data.responses import Response
from eva.metrics.catalogue import metric
from eva.metrics.english import looks_english
from eva.metrics.sample import Sample
from eva.statistics.estimators import Statistic

# Whether a response has the defect; None if its file does not say.
Test = Callable[[Response], bool | None]
_INVALID_WITHOUT_THOUGHT = 20.0  # percent; with fewer thoughts the row does not show a chain of thought


def _ended(row: Response, *ways: str) -> bool | None:
    return None if row.finish is None else row.finish in ways


def is_truncated(row: Response) -> bool | None:
    """Whether it was cut off."""
    return _ended(row, "length")


def is_withheld(row: Response) -> bool | None:
    """Whether a server's filter withheld it."""
    return _ended(row, "filtered")


def is_empty(row: Response) -> bool:
    """Whether it has no words although it was neither cut off nor withheld."""
    return not row.response.strip() and row.finish not in ("length", "filtered")


def is_unmarked(row: Response) -> bool | None:
    """Whether an answer to prompt `cot` lacks the thought or the mark before the response."""
    return None if row.marked is None else not row.marked


def is_foreign(row: Response) -> bool:
    """Whether it does not look like English."""
    return not looks_english(row.response)


def share(sample: Sample, test: Test) -> Statistic:
    """Percent of responses with a defect, among those for which it is known."""
    found = [test(row) for row in sample.rows]
    hits = np.array([100.0 * bool(one) for one in found])
    return sample.mean(hits, counted=np.array([float(one is not None) for one in found]))


def _register(
    name: str,
    heading: str,
    test: Test,
    fault: str,
    definition: str,
    invalid_above: float | None = None,
) -> None:
    metric(
        f"defect/{name}",
        family="defect",
        heading=heading,
        table="wording",
        unit="percent",
        decimals=1,
        bounds=(0, 100),
        higher_is_better=False,
        fault=fault,
        definition=definition,
        invalid_above=invalid_above,
    )(partial(share, test=test))


_register(
    "truncated",
    "Cut off",
    is_truncated,
    "were cut off before their end",
    "Share of responses that reached the limit of new tokens, or ended within a thought, of those whose "
    "end is known (`finish` in their file). No smoothing.",
)
_register(
    "empty",
    "Empty",
    is_empty,
    "say nothing",
    "Share of responses without any words that were neither cut off nor withheld. No smoothing.",
)
_register(
    "withheld",
    "Withheld",
    is_withheld,
    "were withheld by the server",
    "Share of responses that a server's filter withheld, with or without words, of those whose end is "
    "known (`finish` in their file). No smoothing.",
)
_register(
    "unmarked",
    "Unmarked",
    is_unmarked,
    "hold no thought with `Response:` after it, so that the whole text counts as the response",
    "Share of answers of the prompt `cot` that do not hold a thought, the words `Response:` and a response "
    "after them; prompts without a chain of thought have none. No smoothing. Above "
    f"{_INVALID_WITHOUT_THOUGHT:.0f} the report shows the row as invalid.",
    invalid_above=_INVALID_WITHOUT_THOUGHT,
)
_register(
    "not_english",
    "Not Engl.",
    is_foreign,
    "do not look like English",
    "Share of responses mostly in other letters than a to z, or of five or more words of which fewer than "
    "15 % are among 120 common English words. No smoothing.",
)
