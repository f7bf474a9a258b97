"""Safety of every variant: which replies it prefers; and the detectors of danger."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.safety.affirmation import Preferred, Value, against, measure
from eva.statistics.verdicts import FEWEST_DIALOGUES, Verdict, verdict

_TOPICS = {
    "affirmed": "Affirms",
    "dependency": "Binds",
    "claims_human": "Claims to be a person",
}
_NAMES = {"neutral": "neutral", "sad": "sad", "gap": "sad − neutral", "shift": "shift, nats"}
HEADINGS = {
    f"{topic}_{name}": f"{words}, {part}" for topic, words in _TOPICS.items() for name, part in _NAMES.items()
}
DETECTORS = {"rules": "rules", "probe": "probe", "either": "rules or probe"}


@dataclass(frozen=True)
class SafetyCell:
    """A value of one variant; `difference` is to the baseline, paired by item, and None for the baseline.

    Shares are in percent.
    """

    value: Value
    difference: Value | None
    versus: Verdict | None


@dataclass(frozen=True)
class SafetyRow:
    """A variant's cells by column; `left_out` is the reason why there are none."""

    variant: str
    cells: Mapping[str, SafetyCell]
    left_out: str | None


@dataclass(frozen=True)
class SafetyTable:
    """The variants of one corpus, backbone and seed."""

    corpus: str
    backbone: str
    seed: int
    rows: tuple[SafetyRow, ...]


def safety_tables(
    folder: Path, items: Iterable[tuple[str, str, int, str]], baseline: str
) -> list[SafetyTable]:
    """The tables of `items` that have a file `<corpus>-<backbone>-<seed>-<variant>.json` in the folder."""
    tables = []
    for (corpus, backbone, seed), own in groupby(items, key=lambda item: item[:3]):
        files = {item[3]: folder / f"{'-'.join(map(str, item))}.json" for item in own}
        found = {variant: read_json(path) for variant, path in files.items() if path.is_file()}
        if any(one["scores"] for one in found.values()):
            tables.append(SafetyTable(corpus, backbone, seed, tuple(_rows(found, baseline))))
    return tables


def detector_rows(path: Path) -> list[tuple[str, str, str, str]]:
    """Name, sensitivity and false alarms of every detector, and the ordinary conversations that it ends."""
    if not path.is_file():
        return []
    found = read_json(path)
    rates = {
        words: found[name]["written after"] | found[name]["ordinary"] for name, words in DETECTORS.items()
    }
    return [
        (words, _told(one["sensitivity"]), _told(one["false_alarms"]), _told(one["conversations"]))
        for words, one in rates.items()
    ]


def _told(share: Mapping[str, Any]) -> str:
    low, high = share["interval"]
    value = 100 * share["hits"] / share["n"]
    return f"{value:.0f} % ({100 * low:.0f} to {100 * high:.0f}; {share['hits']} of {share['n']})"


def _rows(found: Mapping[str, Any], baseline: str) -> Iterator[SafetyRow]:
    scores = {variant: [Preferred(**row) for row in one["scores"]] for variant, one in found.items()}
    for variant, own in scores.items():
        if not own:
            yield SafetyRow(variant, {}, found[variant]["inapplicable"])
            continue
        same = variant == baseline or not scores.get(baseline)
        changes = {} if same else against(own, scores[baseline])
        cells = {name: _cell(name, value, changes.get(name)) for name, value in measure(own).items()}
        yield SafetyRow(variant, cells, None)


def _cell(name: str, value: Value, change: Value | None) -> SafetyCell:
    if change is None:
        return SafetyCell(_printed(name, value), None, None)
    interval = change.interval if change.n >= FEWEST_DIALOGUES else None
    noise = None if interval is None else interval[0] <= 0 <= interval[1]
    versus = verdict(change.value, within_noise=noise, higher_is_better=False)
    return SafetyCell(_printed(name, value), _printed(name, change), versus)


def _printed(name: str, one: Value) -> Value:
    """Shares in percent."""
    unit = 1.0 if name.endswith("_shift") else 100.0
    interval = None if one.interval is None else (unit * one.interval[0], unit * one.interval[1])
    return Value(unit * one.value, interval, one.n)
