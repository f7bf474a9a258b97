"""What people wrote, scored as if systems had: ESConv's supporters, and EVAD's chosen and rejected.

Usage: python docs/results/humans.py FOLDER_OF_CORPORA [SCORERS]

FOLDER_OF_CORPORA holds esconv/ and evad/EVAD_sample.json; SCORERS is a folder with
level_classifier/ and epitome/ (models/ by default; without it the metrics that need them are left
out, and the pages say so). Writes `esconv-test.md` and `evad.md` beside this file: figures only.
Both go through `eva score`, like any other system's file.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, write_jsonl, write_text
from eva.data.dialogue import LEVEL_NAMES
from eva.data.evad import load_evad, match_evad
from eva.data.human_responses import evad_responses, supporter_responses
from eva.data.prepare import Prepared, prepare
from eva.report.markdown import table
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare

HERE = Path(__file__).parent


def main(corpora: Path, scorers: Path) -> None:
    """Write both pages."""
    row = Corpus(format="esconv", path=corpora / "esconv", min_dialogues=1)
    esconv = prepare("esconv", row, Prepare(keep_supporter_first=False))
    with tempfile.TemporaryDirectory() as folder:
        _references(esconv, Path(folder), scorers)
        _evad(esconv, corpora / "evad" / "EVAD_sample.json", Path(folder), scorers)


def _references(esconv: Prepared, folder: Path, scorers: Path) -> None:
    write_jsonl(folder / "human.jsonl", (one.to_dict() for one in supporter_responses(esconv.splits["test"])))
    scores, said = _eva_score(folder, scorers, "human.jsonl")
    counts = scores["provenance"]
    lines = [
        "# The human references of ESConv's test split, as if they were a system",
        "",
        f"{counts['n_rows']} supporter turns of {counts['n_dialogues']} dialogues. No `reference` is given, "
        "since each response is its own: BLEU and ROUGE are left out. The noise floor is what random halves "
        "of the reference get against each other.",
        "",
        *said,
        *_values(scores["metrics"]),
        *_levels(scores["details"].get("evaeval")),
        *_origin(counts, "python docs/results/humans.py FOLDER_OF_CORPORA"),
    ]
    write_text(HERE / "esconv-test.md", "\n".join(lines).rstrip() + "\n")


def _evad(esconv: Prepared, path: Path, folder: Path, scorers: Path) -> None:
    matches = match_evad(load_evad(path), esconv.everything)
    for of in ("chosen", "rejected"):
        write_jsonl(folder / f"{of}.jsonl", (one.to_dict() for one in evad_responses(matches, of)))
    scores, said = _eva_score(folder, scorers, "chosen.jsonl", "--baseline", "rejected.jsonl")
    differences = scores["comparison"]["differences"]
    refused = sum(match.split == "test" for match in matches)
    lines = [
        "# EVAD's chosen and rejected responses as two systems over the same histories",
        "",
        f"The public sample: {len(matches)} pairs; {refused} belong to test dialogues, which training "
        "refuses and scoring does not. `eva score chosen.jsonl --baseline rejected.jsonl`; the reference is "
        "what ESConv's supporter said there. With one response a dialogue, repetition within a dialogue "
        "means nothing.",
        "",
        *said,
        *table(
            ["metric", "chosen", "rejected", "difference", "interval", "p", "p, Holm", "d", "verdict"],
            [_difference(one) for one in differences.values()],
        ),
        *_origin(scores["provenance"], "python docs/results/humans.py FOLDER_OF_CORPORA"),
    ]
    write_text(HERE / "evad.md", "\n".join(lines).rstrip() + "\n")


def _eva_score(folder: Path, scorers: Path, *words: str) -> tuple[dict[str, Any], list[str]]:
    """The JSON of `eva score`, and what it says it left out."""
    out = folder / "scores.json"
    arguments = [str(folder / word) if word.endswith(".jsonl") else word for word in words]
    if scorers.is_dir():
        arguments += ["--scorers", str(scorers)]
    done = subprocess.run(
        [sys.executable, "-m", "eva", "score", *arguments, "--json", str(out)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    said = [line.replace(f"{folder}/", "") for line in done.stderr.splitlines() if "left out" in line]
    return read_json(out), [*(f"- {line}" for line in said), ""] if said else []


def _values(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rows = [
        [
            f"`{name}`",
            _number(one["value"]),
            _interval(one["ci"]),
            _number(one.get("noise_floor")),
            str(one["n"]),
            one["unit"],
        ]
        for name, one in metrics.items()
    ]
    return table(["metric", "value", "interval", "noise floor", "n", "unit"], rows)


def _levels(detail: Mapping[str, Any] | None) -> list[str]:
    """T, V and counts by level and quartile."""
    if detail is None:
        return []
    rows = []
    for level, name in LEVEL_NAMES.items():
        shares = [f"{share:.3f}" for side in ("T", "V") for share in detail[side][str(level)]]
        rows.append([f"{level} {name}", str(sum(detail["counts"][str(level)])), *shares])
    head = ["level", "turns", *(f"{side} q{place}" for side in "TV" for place in (1, 2, 3, 4))]
    return [
        "## Levels over the quartiles",
        "",
        *table(head, rows),
        f"No level: {detail['n_none']} turns.",
        "",
    ]


def _difference(one: Mapping[str, Any]) -> list[str]:
    if one["within_noise"] is None:
        verdict = "no verdict"
    elif one["within_noise"]:
        verdict = "within noise"
    else:
        verdict = {"ours": "chosen better", "theirs": "rejected better", None: "differs"}[one["better"]]
    return [
        f"`{one['metric']}`",
        *(_number(one[key]) for key in ("ours", "theirs", "difference")),
        _interval(one["ci"]),
        _number(one["p_value"]),
        _number(one["p_adjusted"]),
        "" if one["effect_size"] is None else f"{one['effect_size']:+.2f}",
        verdict,
    ]


def _origin(provenance: Mapping[str, Any], command: str) -> list[str]:
    """How to make the page again, and digests of what was scored and of what scored it."""
    scorers = provenance.get("scorers", {})
    rows = [["responses", f"`{provenance['sha256'][:16]}`"]]
    rows += [[f"scorer {kind}", f"`{digest[:16]}`"] for kind, digest in sorted(scorers.items())]
    sizes = f"{provenance['resamples']} resamples of dialogues, {provenance['confidence']:.0%} intervals."
    return ["## Provenance", "", f"`{command}`; {sizes}", "", *table(["file", "sha256"], rows)]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"


def _interval(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{_number(ends[0])} to {_number(ends[1])}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path("models"))
