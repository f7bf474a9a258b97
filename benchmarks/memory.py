"""Peak memory of one epoch of DPO, each way in a process of its own.

python -m benchmarks.memory ours|authors MODEL PAIRS.jsonl
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.timing import Row

from eva.artifacts import read_jsonl, write_jsonl
from eva.data.dialogue import Preference
from eva.record.records import peak_rss_mb


def compare(model: Path, chosen: Sequence[Preference]) -> Row:
    """Peak resident memory of both ways, in bytes."""
    row = Row("peak memory of DPO", "fp32", 1 / 0.6, 1 / 0.4)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.jsonl"
        write_jsonl(path, (asdict(pair) for pair in chosen))
        used = {way: _peak(way, model, path) for way in ("libraries", "ours", "authors")}
    row.measured = {name: {"bytes": value} for name, value in used.items()}
    row.ratio = {"bytes": used["authors"] / used["ours"]}
    row.note = (
        f"{used['ours'] / 1e9:.2f} GB against {used['authors'] / 1e9:.2f} GB "
        f"({used['ours'] / used['authors']:.0%}), of which {used['libraries'] / 1e9:.2f} GB are the libraries"
    )
    return row


def _peak(way: str, model: Path, pairs: Path) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", way, str(model), str(pairs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout.splitlines()[-1])["peak"])


def main() -> None:
    """One way, in this process."""
    from eva.compat.chatter import silence_libraries

    silence_libraries()
    from benchmarks.alignment import _Ours, authors

    way, model, path = sys.argv[1:]
    chosen = [Preference.from_dict(row) for row in read_jsonl(Path(path))]
    with tempfile.TemporaryDirectory() as folder:
        if way == "ours":
            _Ours(Path(model), chosen, Path(folder)).trainer.train()
        elif way == "authors":
            authors(Path(model), chosen, Path(folder)).train()
    peak = round(peak_rss_mb() * 2**20)  # `getrusage` would also count the process that started this one
    sys.stdout.write(json.dumps({"peak": peak}) + "\n")


if __name__ == "__main__":
    main()
