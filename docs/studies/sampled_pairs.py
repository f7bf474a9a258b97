"""What pairs of the recipe `sampled` can teach, beside as many of the recipe `public`.

    PYTHONPATH=src python docs/studies/sampled_pairs.py CORPORA OUT [docs/studies/sampled_pairs-tables.md]

CORPORA is the folder that `eva data import` takes. The stages run in OUT/checkout: SmolLM2 after a short sft
writes four responses to each of some 200 contexts, a level classifier ranks them. Takes half an hour on two
cores, and continues where it was stopped. The tables hold no text of the corpus.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from study_checkout import Checkout

from eva.artifacts import read_jsonl, write_text
from eva.data.dialogue import LEVELS, Preference
from eva.errors import InputError

CANDIDATES, SET, PAIRS = "data/candidates/sampled", "data/curated/sampled", "data/preferences/smollm2"
SETTINGS: dict[str, dict[str, Any]] = {
    "sft": {"max_train": 16, "max_valid": 2, "epochs": 1, "save_steps": 100},
    "level_classifier": {"folds": 2, "probe_share": 0.0, "layers": 2, "max_length": 48, "lr": 2.0e-4},
    "generate": {"max_new_tokens": 60},
    "collect": {
        "sampled": {
            "corpus": "esconv", "model": "models/sft/esconv-smollm2-1-wo_ali", "how": "samples",
            "train": 18, "valid": 4, "turns": 10,
        }
    },
    "curate": {
        "sampled": {"corpus": "esconv", "collection": "sampled", "ranking": "models/level_classifier"}
    },
}  # fmt: skip
FROZEN = "data/sets/sampled.json"
SAMPLED = {"data": {"evad": FROZEN}, "preferences": {"recipe": "sampled", "max_pairs": None}}
PUBLIC = {"recipe": "public", "rejected": "same_turn"}
LENGTHS = (
    "| recipe | pairs | words, chosen | words, rejected | chosen longer | longer over shorter, median "
    "| largest | chosen closer to the history | one author |"
)
Found = tuple[
    list[Preference], dict[str, float], str
]  # pairs, their measures, what the gate has against them


def pairs_of(checkout: Checkout) -> Found:
    """The pairs that `preferences` writes, their measures, and what its gate has against them."""
    try:
        checkout.repro("preferences@smollm2")
        refused = ""
    except InputError as error:
        refused = next(
            (line.strip() for line in str(error).splitlines() if "preferences." in line), str(error)
        )
    folder = checkout.root / PAIRS
    rows = [row for split in ("train", "valid") for row in read_jsonl(folder / f"{split}.jsonl")]
    return (
        [Preference.from_dict(row) for row in rows],
        checkout.read(f"{PAIRS}/statistics.json")["measures"],
        refused,
    )


def length_row(name: str, pairs: Sequence[Preference], measures: dict[str, float]) -> str:
    """One line about lengths, topic and author."""
    words = np.array([[len(one.chosen.split()), len(one.rejected.split())] for one in pairs])
    apart = np.exp(np.abs(np.log(words[:, 0] / words[:, 1])))
    cells = [
        str(len(pairs)),
        *(f"{mean:.1f}" for mean in words.mean(axis=0)),
        f"{measures['longer']:.2f}",
        f"{np.median(apart):.2f}",
        f"{apart.max():.2f}",
        f"{measures['closer']:.2f} ({measures['closer_low']:.2f} to {measures['closer_high']:.2f})",
        f"{measures['same_author']:.2f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def level_rows(name: str, pairs: Sequence[Preference], measures: dict[str, float]) -> Iterator[str]:
    """Two lines about the levels of both sides."""
    for side, found in (
        ("chosen", Counter(one.chosen_level for one in pairs)),
        ("rejected", Counter(one.rejected_level for one in pairs)),
    ):
        shares = [f"{found[level] / len(pairs):.2f}" for level in LEVELS]
        yield f"| {name} | {side} | {' | '.join(shares)} | {measures['level_gap']:.2f} |"


def head(checkout: Checkout) -> Iterator[str]:
    """What was asked, and what became no pair."""
    about = checkout.read(f"{CANDIDATES}/collection.json")
    found = checkout.read("metrics/level_classifier.json")
    contexts, left_out = about["items"] + about["items_left_out"], _counts(about["left_out"])
    dropped = _counts(checkout.read(f"{SET}/statistics.json")["left_out"])
    yield (
        f"{checkout.made_by('sampled_pairs.py')}: four responses to each context by SmolLM2 after sft on 16 "
        f"dialogues, ranked by a level classifier (macro-F1 out of fold {found['macro_f1']:.2f})."
    )
    yield ""
    yield f"{contexts} contexts, {about['asked']} responses, {about['candidates']} of them candidates."
    yield f"No candidates: {left_out}."
    yield f"{about['items']} contexts with two candidates or more; of these no pair: {dropped}."


def body(kinds: Mapping[str, Found]) -> Iterator[str]:
    """Lengths and levels of every kind of pairs, and what the gate says."""
    yield from ("", LENGTHS, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    yield from (length_row(name, *found[:2]) for name, found in kinds.items())
    yield from ("", "| recipe | side | level 1 | level 2 | level 3 | level 4 | levels apart |")
    yield "|---|---|---:|---:|---:|---:|---:|"
    yield from (line for name, found in kinds.items() for line in level_rows(name, *found[:2]))
    yield ""
    yield from (f"The gate on {name}: {found[2] or 'they pass'}." for name, found in kinds.items())


def main(corpora: str, out: str, tables: str = "") -> None:
    """Make both kinds of pairs, and write the tables."""
    checkout = Checkout.at(Path(out) / "checkout", Path(corpora))
    checkout.set(SETTINGS)
    checkout.repro("curate@sampled")
    frozen = checkout.root / FROZEN
    frozen.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkout.root / SET / "EVAD.json", frozen)
    checkout.set(SAMPLED)
    sampled = pairs_of(checkout)
    checkout.set({"preferences": {**PUBLIC, "max_pairs": len(sampled[0])}})
    kinds = {"sampled": sampled, "public, same turn": pairs_of(checkout)}
    title = "# Pairs of the recipe `sampled`, beside those of `public`: the tables"
    text = "\n".join([title, "", *head(checkout), *body(kinds)]) + "\n"
    sys.stdout.write(text)
    if tables:
        write_text(Path(tables), text)


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in found.items() if n) or "nothing"


if __name__ == "__main__":
    main(*sys.argv[1:])
