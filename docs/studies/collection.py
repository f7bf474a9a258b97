"""A round of collection on real dialogues, from a small model behind a server that is killed in the middle.

    PYTHONPATH=src python docs/studies/collection.py MODEL_FOLDER PREPARED OUT

MODEL_FOLDER is what the stage backbone wrote, PREPARED what prepare wrote (data/prepared/esconv). Writes
OUT/candidates and prints what was asked, answered, paid and left out. Takes some minutes on two cores.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eva.collection import collecting
from eva.data.prepare import read_split
from eva.errors import InputError
from eva.models.endpoint import FILE, Served
from eva.settings.backbones_section import Endpoint
from eva.settings.collect_section import Collection
from eva.settings.profiles import profile_settings

KILLED_AFTER = 15  # answers
ROW = Collection(corpus="esconv", model=Path("served"), train=16, valid=4, turns=2, max_words=120, seed=0)


@contextmanager
def serving(folder: Path, port: int, journal: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """The server in a process of its own."""
    script = Path(__file__).parent / "chat_server.py"
    words = [sys.executable, str(script), str(folder), str(port), str(journal)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def lines(journal: Path) -> list[str]:
    """What the server has answered."""
    return journal.read_text().splitlines() if journal.is_file() else []


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def kill_later(process: "subprocess.Popen[str]", journal: Path) -> None:
    """Kill the server without warning once it has answered enough."""

    def watch() -> None:
        while process.poll() is None and len(lines(journal)) < KILLED_AFTER:
            time.sleep(0.5)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main(folder: str, prepared: str, out: str) -> None:
    """Collect, with one death of the server, and print the figures."""
    target, journal = Path(out), Path(out) / "journal.txt"
    target.mkdir(parents=True, exist_ok=True)
    os.environ["OPENAI_API_KEY"] = "none"
    settings = profile_settings(Path("profiles"), "laptop").generate.model_copy(update={"max_new_tokens": 60})
    turns = collecting.chosen_turns(
        ROW, {name: read_split(Path(prepared), name) for name in ("train", "valid")}
    )
    served, port, found = target / "served", 0, None
    for attempt in (1, 2):
        with serving(Path(folder), port, journal) as (process, port):
            os.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{port}/v1"
            served.mkdir(exist_ok=True)
            limits = Endpoint(concurrency=16, retries=0, timeout=600, input_price=0.5, output_price=1.5)
            Served.here(Path(folder).name, limits).write(served / FILE)
            if attempt == 1:
                kill_later(process, journal)
            try:
                found = collecting.collect(ROW, turns, served, settings, target / "answers", target / "store")
            except InputError as error:
                say(f"attempt {attempt}, {len(lines(journal))} answered: {error}")
    if found is None:
        raise SystemExit("the second attempt failed, too")
    collecting.write(found, target / "candidates")
    kept = len(list((target / "answers").glob("*.json")))
    say(f"answered by the server: {len(lines(journal))}, different: {len(set(lines(journal)))}, kept: {kept}")
    say(json.dumps({name: value for name, value in found.about.items() if name != "settings"}, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
