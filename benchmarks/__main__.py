"""`make bench`: what EVA costs beside what it replaces, on the same work, back to back.

Prints a table and writes reports/bench.json. Every round runs all ways in turn; a ratio is the median over
rounds. Without the real ESConv (`--esconv`), the sample corpus is used, whose dialogues are alike in kind.

    python -m benchmarks --quick
    python -m benchmarks --only sft dpo --rounds 5
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import acquisition, alignment, answers, corpus, heap, machine, memory
from benchmarks.timing import Row, Seconds, median, ratios

from eva.artifacts import write_json
from eva.compat.chatter import silence_libraries
from eva.compat.process_start import start_again
from eva.data.dialogue import supporter_turns
from eva.data.responses import Response

_REAL = Path("../shared/data/esconv")
_SAMPLE = Path("data/sample/esconv")


@dataclass(frozen=True)
class Bench:
    """The model, the corpus, and how much work is done."""

    model: Path
    esconv: Path
    rows: Sequence[corpus.Encoded]
    rounds: int
    quick: bool

    def chosen(self, number: int) -> list[corpus.Encoded]:
        """Typical dialogues; half as many in a quick run."""
        return corpus.typical(self.rows, max(1, number // 2) if self.quick else number)

    def pairs(self, every: int) -> list[Any]:
        """Pairs of one typical dialogue; a quick run takes one turn in three."""
        (one,) = corpus.typical(self.rows, 1)
        return corpus.pairs(one, [row for row in self.rows[:40] if row is not one], every + 2 * self.quick)


def _sft(bench: Bench) -> Iterator[Row]:
    yield acquisition.compare(bench.model, bench.chosen(2), bench.rounds)


def _heap(bench: Bench) -> Iterator[Row]:
    yield heap.compare(bench.model, bench.esconv, 2 if bench.quick else 4, bench.rounds)


def _share(bench: Bench) -> Iterator[Row]:
    for precision in ("fp32", "bf16"):
        yield acquisition.share(bench.model, bench.chosen(8), bench.rounds, precision)


def _dpo(bench: Bench) -> Iterator[Row]:
    bars = {"the authors' recipe": (6, 10), "TRL with PEFT": (3, 6)}
    yield from alignment.compare(bench.model, bench.pairs(1), bench.rounds, "DPO, a pair at every turn", bars)


def _evad(bench: Bench) -> Iterator[Row]:
    bars = {"TRL with PEFT": (2, 4)}
    work = "DPO, pairs as dense as EVAD's"
    yield from alignment.compare(bench.model, bench.pairs(2), bench.rounds, work, bars)


def _memory(bench: Bench) -> Iterator[Row]:
    yield memory.compare(bench.model, bench.pairs(1))


def _generation(bench: Bench) -> Iterator[Row]:
    dialogues = [row.dialogue for row in bench.chosen(2)]
    yield from answers.compare(bench.model, dialogues, bench.rounds, 8 if bench.quick else 32)


def _scorers(bench: Bench) -> Iterator[Row]:
    from benchmarks import scorers

    turns = supporter_turns([row.dialogue for row in bench.rows])[: 60 if bench.quick else 1000]
    said = [Response.at(turn, turn.gold.content) for turn in turns]
    row = Row("four scorers, each text read once", "fp32", 3, 5)
    found = [
        scorers.compare(corpus.model_folder("minilm"), bench.model, said)
        for _ in range(1 if bench.quick else 2)
    ]
    row.seconds = {
        "EVA": [Seconds(one.ours, one.ours) for one in found],
        "a pass a scorer": [Seconds(one.theirs, one.theirs) for one in found],
    }
    row.tokens = {"EVA": found[0].our_tokens, "a pass a scorer": found[0].their_tokens}
    row.ratio = ratios(*row.seconds.values())
    row.note = f"{len(said)} responses, {found[0].equal:.1%} of labels equal; times on the clock only"
    yield row


SUBJECTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "sft": _sft,
    "heap": _heap,
    "share": _share,
    "dpo": _dpo,
    "evad": _evad,
    "memory": _memory,
    "generation": _generation,
    **({"scorers": _scorers} if find_spec("benchmarks.scorers") else {}),
}


def table(rows: Sequence[Row]) -> str:
    """Markdown: seconds are medians; the ratio is on the clock, then of CPU time."""
    lines = [
        "| work | EVA | baseline | tokens read | ratio (clock / CPU) | at least | aim |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = [f"{median(found):.1f} s" for found in row.seconds.values()]
        own, other = [*times, "", ""][:2]
        tokens = " : ".join(f"{value:,}" for value in row.tokens.values())
        if "share" in row.measured:
            result, bars = f"{row.measured['share']:.0%}", [f"{row.at_least:.0%}", ""]
        elif "bytes" in row.ratio:
            own, other = (f"{row.measured[name]['bytes'] / 1e9:.2f} GB" for name in ("ours", "authors"))
            result = f"{1 / row.ratio['bytes']:.0%}"
            bars = [f"{1 / row.at_least:.0%}", f"{1 / row.aim:.0%}"] if row.at_least and row.aim else ["", ""]
        else:
            result = f"{row.ratio['wall']:.1f}x / {row.ratio['cpu']:.1f}x"
            bars = ["" if bar is None else f"{bar:g}x" for bar in (row.at_least, row.aim)]
        lines.append(f"| {row.work} | {own} | {other} | {tokens} | {result} | {bars[0]} | {bars[1]} |")
    return "\n".join(lines)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of less work")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="subjects")
    parser.add_argument("--rounds", type=int, default=3, help="executions of each way")
    parser.add_argument("--esconv", type=Path, default=_REAL if _REAL.is_dir() else _SAMPLE)
    parser.add_argument("--out", type=Path, default=Path("reports/bench.json"))
    given = parser.parse_args()
    start_again()
    silence_libraries()
    model = corpus.model_folder()
    rounds = 1 if given.quick else given.rounds
    bench = Bench(model, given.esconv, corpus.encoded(given.esconv, model), rounds, given.quick)
    rows: list[Row] = []
    for name in given.only:
        sys.stderr.write(f"{name}\n")
        rows.extend(SUBJECTS[name](bench))
        _write(given.out, rows, bench)
    sys.stdout.write(table(rows) + "\n")


def _write(out: Path, rows: Sequence[Row], bench: Bench) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "corpus": "real ESConv" if bench.esconv != _SAMPLE else "sample corpus",
        "rounds": bench.rounds,
        "quick": bench.quick,
        "rows": [asdict(row) for row in rows],
    }
    write_json(out, told)


if __name__ == "__main__":
    main()
