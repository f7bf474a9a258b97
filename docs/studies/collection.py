"""A whole round on real dialogues: from candidates of a small model to a model aligned on the set.

    PYTHONPATH=src python docs/studies/collection.py CORPORA OUT [docs/studies/collection-tables.md]

CORPORA is the folder that `eva data import` takes. The stages run in OUT/checkout; the candidates come from
SmolLM2 behind a server on 127.0.0.1, which is killed in the middle and started again; twelve simulated
annotators with known error rates answer. No person is behind any answer. Takes half an hour on two cores,
and continues where it was stopped. The tables hold no text of the corpus.
"""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulated_annotators import answer, true_order
from study_checkout import Checkout

from eva.annotation.round_key import Round
from eva.artifacts import read_jsonl, write_text
from eva.collection.set_tables import table_7
from eva.errors import InputError

RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.05, 0.1, 0.15, 0.2, 0.4, 0.5)
KILLED_AFTER = 60  # answers
CANDIDATES, SET, PAIRS = "data/candidates/round", "data/curated/round", "data/preferences/smollm2"
ALIGNED = "esconv-smollm2-1-wo_acq"
ENDPOINT = {"concurrency": 16, "retries": 0, "timeout": 600, "input_price": 0.5, "output_price": 1.5}
SETTINGS: dict[str, dict[str, Any]] = {
    "backbones": {
        "local": {
            "role": "causal", "source": "endpoint", "id": "smollm2", "trainable": False, "endpoint": ENDPOINT
        }
    },
    "collect": {
        "round": {
            "corpus": "esconv", "model": "models/backbone/local", "train": 8, "valid": 2, "turns": 4,
            "budget": 1.0,
        }
    },
    "curate": {"round": {"corpus": "esconv", "collection": "round", "ranking": "data/ranked/round.jsonl"}},
    "generate": {"max_new_tokens": 100},
    "preferences": {"max_pairs": None},
    "dpo": {"epochs": 1, "batch_size": 4, "max_length": 768},
    "level_classifier": {"epochs": 4, "folds": 2, "probe_share": 0.0},
}  # fmt: skip
FROZEN = "data/sets/round.json"
READ = {"data": {"evad": FROZEN}, "preferences": {"recipe": "evad"}}
LABELS = {"data": {"levels": f"{SET}/levels.jsonl"}, "level_classifier": {"labels": "file"}}


@dataclass
class Served:
    """What the server has answered, and what the first attempt said when it was killed."""

    journal: Path
    answered_before: int = 0
    message: str = ""

    @property
    def answered(self) -> list[str]:
        return self.journal.read_text().splitlines() if self.journal.is_file() else []


@contextmanager
def serving(folder: Path, port: int, journal: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """The server in a process of its own, and its port."""
    script = Path(__file__).parent / "chat_server.py"
    words = [sys.executable, str(script), str(folder), str(port), str(journal)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def kill_later(process: "subprocess.Popen[str]", served: Served) -> None:
    """Kill the server without warning once it has answered enough."""

    def watch() -> None:
        while process.poll() is None and len(served.answered) < KILLED_AFTER:
            time.sleep(0.2)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def collect(checkout: Checkout) -> Served:
    """Collect, with one death of the server."""
    served, model = Served(checkout.root.parent / "journal.txt"), checkout.root / "models/backbone/smollm2"
    kept = (
        checkout.root.parent / "port.txt"
    )  # answers are kept by address: a study that goes on needs the same
    port = int(kept.read_text()) if kept.is_file() else 0
    for attempt in (1, 2):
        with serving(model, port, served.journal) as (process, port):
            kept.write_text(str(port))
            checkout.env |= {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
            if attempt == 1:
                checkout.repro("--force", "--single-item", "backbone@local")
                kill_later(process, served)
            try:
                checkout.repro("--single-item", "collect@round")
                return served
            except InputError as error:
                served.answered_before, served.message = len(served.answered), str(error)
                say(f"attempt {attempt}, {served.answered_before} answered: {error}")
    raise SystemExit("the second attempt failed, too")


def annotate(checkout: Checkout) -> str:
    """Give the candidates out, answer, import, and put the ranking where `curate` reads it."""
    folder = checkout.root / "round"
    shutil.rmtree(folder, ignore_errors=True)
    checkout.run("eva", "annotate", "export", f"{CANDIDATES}/candidates.jsonl", "--annotators",
                 str(len(RATES)), "--repeats", "5", "--out", "round")  # fmt: skip
    answer(folder, RATES)
    told = checkout.run("eva", "annotate", "import", "round")
    ranked = checkout.root / "data/ranked/round.jsonl"
    ranked.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "ranked.jsonl", ranked)
    return told


def freeze(checkout: Checkout) -> None:
    """Put the set under DVC as raw data, as `validate`, on which `collect` depends, reads it too."""
    frozen = checkout.root / FROZEN
    frozen.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkout.root / SET / "EVAD.json", frozen)
    checkout.run("dvc", "add", FROZEN)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def asked(checkout: Checkout, served: Served) -> Iterator[str]:
    """What the collection cost, and what it left out."""
    about = checkout.read(f"{CANDIDATES}/collection.json")
    answered, usage = served.answered, about["usage"]
    twice = len(answered) - len(set(answered))
    left_out = [f"{n} {name.replace('_', ' ')}" for name, n in about["left_out"].items() if n]
    rows = {
        "contexts asked": about["items"] + about["items_left_out"],
        "responses asked": about["asked"],
        "answered by the server before it was killed": served.answered_before,
        "answered by the server in all": len(answered),
        "of these answered a second time, because the first was lost with the server": twice,
        "tokens read, written": f"{usage['input_tokens']}, {usage['output_tokens']}",
        "cost at 0.5 and 1.5 a million": usage["cost"],
        "responses that are no candidates": ", ".join(left_out) or "none",
        "candidates, by level": f"{about['candidates']}: {about['levels']}",
        "contexts with two candidates or more": about["items"],
    }
    yield from ("| | |", "|---|---|")
    yield from (f"| {name} | {value} |" for name, value in rows.items())


def agreed(checkout: Checkout) -> Iterator[str]:
    """Whether the known rates lie in their intervals, and what was decided."""
    report, made = checkout.read("round/agreement.json"), Round.read(checkout.root / "round")
    kept = [one for one in report["decisions"] if one["kept"]]
    right = sum(one["order"][0] == true_order(made.items[one["item"]])[0] for one in kept)
    yield f"{len(kept)} of {len(made.items)} contexts kept, {right} of them with the right first candidate."
    coefficients = report["agreement"][0]
    for name in ("kappa", "alpha"):
        value, (low, high) = coefficients[name]["value"], coefficients[name]["ci"]
        yield f"{name.capitalize()} over all candidates: {value:.3f} ({low:.3f} to {high:.3f})."
    yield from (
        "",
        "| annotator | known rate | reported | interval | holds | signs |",
        "|---|---:|---:|---:|---|---|",
    )
    for rate, row in zip(RATES, report["annotators"], strict=True):
        low, high = row["error_ci"]
        holds = "yes" if low <= rate <= high else "no"
        signs = ", ".join(sign.partition(":")[0] for sign in row["signs"])
        reported = f"{row['error']:.3f} | {low:.3f} to {high:.3f}"
        yield f"| {row['annotator']} | {rate:.2f} | {reported} | {holds} | {signs} |"


def made(checkout: Checkout) -> Iterator[str]:
    """The set, what `preferences` made of it, and the training."""
    statistics = checkout.read(f"{SET}/statistics.json")
    yield table_7(statistics["splits"])
    yield from ("", "| of the pairs that `preferences` reads from it | |", "|---|---:|")
    pairs = checkout.read(f"{PAIRS}/statistics.json")
    yield f"| to train on, held out | {pairs['train']['pairs']}, {pairs['valid']['pairs']} |"
    for name in ("level_contrast", "level_gap", "length_ratio", "longer", "closer", "same_author"):
        yield f"| {name.replace('_', ' ')} | {pairs['measures'][name]:.2f} |"
    yield from ("", "| DPO on it | |", "|---|---:|")
    trained = checkout.read(f"metrics/dpo/{ALIGNED}.json")
    yield from (f"| {name} | {value:.4g} |" for name, value in sorted(trained.items()))


def levels(checkout: Checkout) -> Iterator[str]:
    """V from the set, and the classifier that its levels train."""
    reference, found = checkout.read(f"{SET}/reference.json"), checkout.read("metrics/level_classifier.json")
    yield from ("| level | chosen, by quartile (V of EVAEval) |", "|---|---|")
    yield from (f"| {level} | {' '.join(map(str, row))} |" for level, row in reference["counts"].items())
    yield ""
    rows = [row["level"] for row in read_jsonl(checkout.root / SET / "levels.jsonl")]
    counts = dict(sorted(Counter(rows).items()))
    yield (
        f"The classifier of {len(rows)} labelled responses ({counts}), out of fold: "
        f"accuracy {found['accuracy']:.2f} (majority {found['majority_accuracy']:.2f}), "
        f"macro-F1 {found['macro_f1']:.2f}."
    )


def main(corpora: str, out: str, tables: str = "") -> None:
    """Run the round, and write the tables."""
    checkout = Checkout.at(Path(out) / "checkout", Path(corpora))
    checkout.set(SETTINGS)
    checkout.repro("validate@esconv", "backbone@smollm2", "backbone@minilm")
    say("prepared")
    served = collect(checkout)
    say("collected")
    say(annotate(checkout))
    checkout.repro("--single-item", "curate@round")
    freeze(checkout)
    checkout.set(READ)
    checkout.repro("preferences@smollm2", f"dpo@{ALIGNED}")
    say("aligned")
    checkout.set(LABELS)
    checkout.repro("level_classifier")
    checkout.run("dvc", "push", "curate@round")
    parts = {"Collection": asked(checkout, served), "Annotators": agreed(checkout), "The set": made(checkout),
             "Levels from the set": levels(checkout)}  # fmt: skip
    head = [
        "# A round on ESConv: the tables",
        "",
        f"{checkout.made_by('collection.py')}: SmolLM2 behind a server that was killed once, simulated "
        "annotators with known error rates.",
    ]
    lines = [line for name, own in parts.items() for line in ("", f"## {name}", "", *own)]
    text = "\n".join([*head, *lines]) + "\n"
    say(text)
    if tables:
        write_text(Path(tables), text)


if __name__ == "__main__":
    main(*sys.argv[1:])
