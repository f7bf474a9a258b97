"""How Dist-2 moves with the number and length of responses, and Dist-2 at a fixed size does not.

Usage: python docs/studies/diversity.py FOLDER_OF_CORPORA docs/studies/diversity-tables.md

What people said (ESConv's supporters, the listeners of EmpatheticDialogues) is one system throughout: any
change of a value comes from the number or the length of the responses alone. The whole corpus at the
fixed size is the truth that intervals from a few dialogues should hold.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eva.artifacts import write_text
from eva.data.dialogue import Dialogue
from eva.data.empathetic_dialogues import load_empathetic_dialogues
from eva.data.esconv import load_esconv
from eva.data.human_responses import supporter_responses
from eva.data.responses import Response
from eva.metrics.families.diversity import SIZE, corpus_distinct, count, expected_distinct, fixed_distinct
from eva.metrics.sample import Sample
from eva.statistics.bootstrap import Resampling, mean_interval
from eva.statistics.contrast import contrast

DIALOGUES = (20, 50, 100, 200)
DRAWS, RESAMPLES = 200, 999
WORDS = (8, 16, None)  # of a response; None: all
Talk = Sequence[Response]


def main(corpora: Path, out: Path) -> None:
    """Draw, measure and write the tables."""
    esconv = load_esconv(corpora / "esconv").splits
    ed = load_empathetic_dialogues(corpora / "empathetic_dialogues").splits
    everyone = [dialogue for split in esconv.values() for dialogue in split]
    talks = {"ESConv": _talks(everyone), "EmpatheticDialogues, test": _talks(ed["test"])}
    rng = np.random.default_rng(0)
    lines = ["# Dist-2 by size and length", "", "Made by `docs/studies/diversity.py`.", ""]
    for name, found in talks.items():
        lines += [f"## {name}: {len(found)} dialogues, {sum(map(len, found))} responses", ""]
        lines += [*_sizes(found, rng), *_lengths(found), *_intervals(found, rng)]
    write_text(out, "\n".join(lines))


def _talks(dialogues: Sequence[Dialogue]) -> list[Talk]:
    """The responses of each dialogue."""
    found: dict[str, list[Response]] = {}
    for row in supporter_responses(dialogues):
        found.setdefault(row.dialogue_id, []).append(row)
    return list(found.values())


def _sample(talks: Sequence[Talk]) -> Sample:
    """A sample of dialogues, each as often as it was drawn."""
    return Sample(tuple(replace(row, dialogue_id=f"{i:06d}") for i, own in enumerate(talks) for row in own))


def _drawn(talks: Sequence[Talk], size: int, rng: np.random.Generator) -> list[Talk]:
    return [talks[i] for i in rng.choice(len(talks), size, replace=False)]


def _truth(talks: Sequence[Talk]) -> float:
    return 100 * expected_distinct(count(_sample(talks), 2).totals, SIZE) / SIZE


def _sizes(talks: Sequence[Talk], rng: np.random.Generator) -> Iterator[str]:
    yield f"| dialogues | bigrams | Dist-2 | Dist-2 at {SIZE} |"
    yield "|---:|---:|---:|---:|"
    for size in [*DIALOGUES, len(talks)]:
        samples = [_sample(_drawn(talks, size, rng)) for _ in range(1 if size == len(talks) else 50)]
        plain, fixed = (
            [f(one) for one in samples] for f in (lambda s: corpus_distinct(s, 2), fixed_distinct)
        )
        cells = [f"{np.mean([one.value for one in values]):.2f}" for values in (plain, fixed)]
        yield f"| {size} | {np.mean([one.n for one in plain]):.0f} | {' | '.join(cells)} |"
    yield ""


def _lengths(talks: Sequence[Talk]) -> Iterator[str]:
    """The same corpus with responses cut to their first words, or two of a dialogue joined."""
    yield f"| responses | words | Dist-2 | Dist-2 at {SIZE} |"
    yield "|---|---:|---:|---:|"
    for limit in WORDS:
        cut = [
            [replace(row, response=" ".join(row.response.split()[:limit])) for row in own] for own in talks
        ]
        yield _length("whole" if limit is None else f"first {limit} words", cut)
    joined = [
        [replace(a, response=f"{a.response} {b.response}") for a, b in zip(own[::2], own[1::2], strict=False)]
        for own in talks
    ]
    yield _length("two joined", [own for own in joined if own])
    yield ""


def _length(name: str, talks: Sequence[Talk]) -> str:
    sample = _sample(talks)
    words = np.mean([len(text.split()) for text in sample.responses])
    values = corpus_distinct(sample, 2).value, fixed_distinct(sample).value
    return f"| {name} | {words:.1f} | {values[0]:.2f} | {values[1]:.2f} |"


def _intervals(talks: Sequence[Talk], rng: np.random.Generator) -> Iterator[str]:
    truth = _truth(talks)
    yield "| dialogues | measured | bias | interval holds the truth | two draws of one system differ |"
    yield "|---:|---:|---:|---:|---:|"
    for size in DIALOGUES:
        errors, held, alarms, measured = [], [], [], 0
        for draw in range(DRAWS):
            ours, theirs = (fixed_distinct(_sample(_drawn(talks, size, rng))) for _ in range(2))
            if min(ours.support, theirs.support) < SIZE:
                continue
            measured += 1
            resampling = Resampling(RESAMPLES, 0.95, draw)
            interval = mean_interval([ours], resampling, (0, 100))
            errors.append(ours.value - truth)
            held.append(interval is not None and interval[0] <= truth <= interval[1])
            alarms.append((contrast([ours], [theirs], resampling).p_value or 1.0) < 0.05)
        if measured < DRAWS / 2:
            yield f"| {size} | {100 * measured / DRAWS:.0f} % | | | |"
            continue
        shares = [f"{100 * np.mean(one):.1f} %" for one in (held, alarms)]
        yield f"| {size} | {100 * measured / DRAWS:.0f} % | {np.mean(errors):+.2f} | {' | '.join(shares)} |"
    yield ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
