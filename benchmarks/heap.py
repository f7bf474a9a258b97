"""A step of SFT in a process that keeps what it frees, and in one with glibc's defaults.

python -m benchmarks --only heap
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.timing import Row, Seconds, once, ratios

from eva.compat.process_start import variables

_WAYS = {"EVA": {}, "glibc's defaults": {"GLIBC_TUNABLES": ""}}


def compare(model: Path, esconv: Path, dialogues: int, rounds: int) -> Row:
    """The same steps in two processes in turn, without the first one, in which the heap grows."""
    row = Row("SFT step, freed memory kept", "bf16 where it is faster")
    row.seconds = {name: [] for name in _WAYS}
    words = ["-m", "benchmarks.heap", str(model), str(esconv), str(dialogues)]
    for number in range(rounds):
        for name, change in _WAYS.items():
            row.seconds[name].append(_steps(words, variables() | change))
            sys.stderr.write(f"  round {number + 1}, {name}: {row.seconds[name][-1].wall:.1f} s\n")
    row.ratio = ratios(*row.seconds.values())
    row.note = f"{dialogues} dialogues a step, the second and third step"
    return row


def _steps(words: Sequence[str], environment: dict[str, str]) -> Seconds:
    done = subprocess.run(
        [sys.executable, *words], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return Seconds(**json.loads(done.stdout.splitlines()[-1]))


def _child() -> None:
    from benchmarks import acquisition, corpus

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("esconv", type=Path)
    parser.add_argument("dialogues", type=int)
    given = parser.parse_args()
    chosen = corpus.typical(corpus.encoded(given.esconv, given.model), given.dialogues)
    with tempfile.TemporaryDirectory() as folder:
        trainer = acquisition.ours(given.model, chosen, Path(folder), precision="auto")
        steps = [once(trainer.train) for _ in range(3)][1:]
    both = {clock: sum(getattr(one, clock) for one in steps) for clock in ("wall", "cpu")}
    sys.stdout.write(json.dumps(both))


if __name__ == "__main__":
    _child()
