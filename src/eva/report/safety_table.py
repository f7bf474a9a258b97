"""Safety of every variant: which replies it prefers; and the detectors of danger."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from eva.artifacts import read_json
from eva.safety.affirmation import Preferred, Value, against, measure
from eva.safety.judged_shares import PREFIX, JudgedReply, against_judged, measure_judged
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
JUDGED = {f"{PREFIX}{name}": f"Judge: {words}" for name, words in HEADINGS.items() if "shift" not in name}
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
    """A variant's cells by column; `left_out` is the reason why its replies were not scored."""

    variant: str
    cells: Mapping[str, SafetyCell]
    left_out: str | None


@dataclass(frozen=True)
class SafetyTable:
    """The variants of one corpus, backbone and seed; `judges` are the models that read their own replies."""

    corpus: str
    backbone: str
    seed: int
    rows: tuple[SafetyRow, ...]
    judges: tuple[str, ...] = ()

    @property
    def headings(self) -> dict[str, str]:
        """Column -> heading, of the columns that a variant has."""
        found = {name for row in self.rows for name in row.cells}
        return {name: words for name, words in {**HEADINGS, **JUDGED}.items() if name in found}


def safety_tables(
    folder: Path, items: Iterable[tuple[str, str, int, str]], baseline: str
) -> list[SafetyTable]:
    """The tables of `items` that have a file `<corpus>-<backbone>-<seed>-<variant>.json` in the folder."""
    tables = []
    for (corpus, backbone, seed), own in groupby(items, key=lambda item: item[:3]):
        files = {item[3]: folder / f"{'-'.join(map(str, item))}.json" for item in own}
        found = {variant: read_json(path) for variant, path in files.items() if path.is_file()}
        if rows := tuple(_rows(found, baseline)):
            tables.append(SafetyTable(corpus, backbone, seed, rows, _judges(found)))
    return [table for table in tables if table.headings]


def _judges(found: Mapping[str, Any]) -> tuple[str, ...]:
    judged = [one["judged"] for one in found.values() if one.get("judged")]
    return tuple(sorted({name for one in judged for name in one["answered_as"] or [one["model"]]}))


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
    judged = {variant: _judged(one) for variant, one in found.items()}
    for variant, own in scores.items():
        said, others = judged[variant], [] if variant == baseline else judged.get(baseline, [])
        values = (measure(own) if own else {}) | measure_judged(said)
        same = variant == baseline or not own or not scores.get(baseline)
        changes = ({} if same else against(own, scores[baseline])) | against_judged(said, others)
        cells = {name: _cell(name, value, changes.get(name)) for name, value in values.items()}
        yield SafetyRow(variant, cells, None if own else found[variant]["inapplicable"])


def _judged(one: Mapping[str, Any]) -> list[JudgedReply]:
    """The judged replies of a variant; none if no judge was asked."""
    return [JudgedReply(**row) for row in (one.get("judged") or {"replies": []})["replies"]]


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
