"""`eva score` on good files: the library's numbers, as a table and as JSON."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Eva, row, write_rows

from eva.cli.evaluate_settings import unconfigured
from eva.data.evad import load_evad
from eva.data.responses import read_responses
from eva.metrics.score import score
from eva.metrics.selection import every_metric
from eva.settings.profiles import profile_text

TEXT_ONLY = "diversity,length,response_type,repetition"


@pytest.fixture
def responses(here: Path) -> Path:
    """Three dialogues of two turns."""
    rows = [row(dialogue, turn) for dialogue in "abc" for turn in (1, 2)]
    rows[3]["response"] = "I am so sorry to hear that. You could try to write it down."
    return write_rows(here / "ours.jsonl", rows)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def table(out: str) -> dict[str, list[str]]:
    """Lines of all tables by metric; of two tables with the same metric the last."""
    lines = [cells(line) for line in out.splitlines()]
    return {line[0]: line[1:] for line in lines if len(line) > 3}


def test_every_metric_is_listed_with_what_it_needs(eva: Eva) -> None:
    listed = {line[0]: line[1:] for line in map(cells, eva("metrics").out.splitlines())}
    assert set(listed) == {"metric", *(one.name for one in every_metric())}
    assert listed["overlap/rouge_l"] == ["R-L", "percent", "higher", "references, latin"]
    assert listed["evaeval/avg"][-2:] == ["lower", "level, V"]


def test_table_and_json_say_what_the_library_says(eva: Eva, responses: Path) -> None:
    done = eva("score", "ours.jsonl", "--metrics", f"overlap,{TEXT_ONLY}", "--json", "out/scores.json")
    assert (done.code, done.err) == (0, "")
    expected = score(
        read_responses(responses), ["overlap", *TEXT_ONLY.split(",")], settings=unconfigured()
    ).to_dict()["metrics"]
    written = json.loads(Path("out/scores.json").read_text())
    assert set(written) == {"metrics", "details", "provenance"}
    assert written["metrics"] == expected
    assert all({"value", "n", "ci", "definition", "unit"} <= set(one) for one in written["metrics"].values())
    assert written["provenance"]["file"] == "ours.jsonl"
    assert written["provenance"]["n_rows"] == 6
    shown = table(done.out)
    assert shown["metric"] == ["value", "interval", "n", "unit"]
    assert set(shown) == {"metric", *expected}
    rouge = expected["overlap/rouge_l"]
    assert rouge["ci"] is None, "the three dialogues do not differ"
    assert shown["overlap/rouge_l"] == [f"{rouge['value']:.2f}", "-", str(rouge["n"]), "percent"]


def test_equal_calls_write_equal_bytes(eva: Eva, responses: Path) -> None:
    for name in ("one.json", "two.json"):
        assert eva("score", "ours.jsonl", "--metrics", TEXT_ONLY, "--json", name).code == 0
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()


def test_without_scorers_the_rest_is_scored_and_the_lack_is_said(eva: Eva, responses: Path) -> None:
    done = eva("score", "ours.jsonl")
    assert done.code == 0
    assert {name.partition("/")[0] for name in table(done.out)} == {
        "metric", "overlap", "defect", *TEXT_ONLY.split(",")
    }  # fmt: skip
    assert done.err.splitlines() == [
        "left out: epitome, evaeval, level_turns: no scorer for it in models; train it with `dvc repro`, "
        "or give another folder with --scorers"
    ]


def test_without_references_overlap_is_left_out_and_lines_are_named(eva: Eva, here: Path) -> None:
    write_rows(here / "bare.jsonl", [row(), row(turn=2, reference=None)])
    done = eva("score", "bare.jsonl")
    assert done.code == 0
    assert "left out: overlap: 1 of 2 rows of bare.jsonl have no `reference` (line 2)" in done.err
    assert not any(name.startswith("overlap") for name in table(done.out))


def test_settings_come_from_params_yaml(eva: Eva, responses: Path, root: Path) -> None:
    Path("params.yaml").write_text(profile_text(root / "profiles", "smoke"))
    assert "over 50 resamples" in eva("score", "ours.jsonl", "--metrics", "length").out
    shutil.move("params.yaml", "other.yaml")
    assert "over 10000 resamples" in eva("score", "ours.jsonl", "--metrics", "length").out
    done = eva("score", "ours.jsonl", "--metrics", "length", "--params", "other.yaml")
    assert "over 50 resamples" in done.out


def test_one_dialogue_has_no_interval(eva: Eva, here: Path) -> None:
    write_rows(here / "one.jsonl", [row()])
    done = eva("score", "one.jsonl", "--baseline", "one.jsonl", "--metrics", "length/words")
    assert done.code == 0
    assert table(done.out)["length/words"][-1] == "no verdict"


def test_empty_responses_count_if_allowed(eva: Eva, here: Path) -> None:
    write_rows(here / "silent.jsonl", [row(response="")])
    assert eva("score", "silent.jsonl").code == 2
    done = eva("score", "silent.jsonl", "--allow-empty", "--metrics", "length/words")
    assert table(done.out)["length/words"][0] == "0.0000"


def _systems(evad: Path, folder: Path) -> tuple[Path, Path]:
    """EVAD's chosen and rejected responses as two systems over the same histories."""
    records = load_evad(evad)
    turn_of = {
        r.id: 1 + sum(role == "assistant" for role, _ in groupby(t.role for t in r.history)) for r in records
    }
    files = []
    for side in ("chosen", "rejected"):
        rows: Sequence[dict[str, Any]] = [
            {
                "dialogue_id": str(record.position),
                "turn": turn_of[record.id],
                "n_turns": max(turn_of[r.id] for r in records if r.position == record.position),
                "history": [{"role": t.role, "content": t.content} for t in record.history],
                "response": getattr(record, side),
            }
            for record in records
        ]
        files.append(write_rows(folder / f"{side}.jsonl", rows))
    return files[0], files[1]


def _compare(eva: Eva, evad: Path, here: Path) -> dict[str, Any]:
    chosen, rejected = _systems(evad, here)
    done = eva("score", chosen, "--baseline", rejected, "--json", "scores.json")
    assert done.code == 0, done.err
    written: dict[str, Any] = json.loads(Path("scores.json").read_text())
    shown = table(done.out)
    assert shown["metric"][-1] == "verdict"
    for name, row_ in written["comparison"]["differences"].items():
        if not row_["measured"]:
            continue
        assert row_["difference"] == pytest.approx(row_["ours"] - row_["theirs"])
        assert row_["ours"] == written["metrics"][name]["value"]
        assert row_["theirs"] == written["comparison"]["metrics"][name]["value"]
        verdict = "within noise" if row_["within_noise"] else row_["verdict"] or "no verdict"
        assert row_["better"] == {"better": "ours", "worse": "theirs"}.get(row_["verdict"])
        assert shown[name][-1] == verdict
    return written


def test_chosen_against_rejected_of_the_sample(eva: Eva, sample: Path, here: Path) -> None:
    written = _compare(eva, sample / "evad" / "EVAD.json", here)
    assert written["provenance"]["n_rows"] == 40
    assert written["comparison"]["baseline"]["file"] == "rejected.jsonl"


def test_chosen_against_rejected_of_the_real_file(eva: Eva, shared_data: Path, here: Path) -> None:
    written = _compare(eva, shared_data / "evad" / "EVAD_sample.json", here)
    assert written["provenance"]["n_rows"] == 13


def test_a_real_difference_is_told_from_noise_in_both_directions(eva: Eva, here: Path) -> None:
    names = [f"d{i:02}" for i in range(20)]
    varied = [row(name, 1, 1, response=f"word{i} other{i} third{i}") for i, name in enumerate(names)]
    same = [row(name, 1, 1, response="one and the same") for name in names]
    write_rows(here / "varied.jsonl", varied)
    write_rows(here / "same.jsonl", same)
    done = eva("score", "varied.jsonl", "--baseline", "same.jsonl", "--metrics", "diversity/dist_1,length")
    shown = table(done.out)
    assert shown["diversity/dist_1"][-1] == "better"
    assert shown["length/words"][-1] == "changed"
    done = eva("score", "same.jsonl", "--baseline", "varied.jsonl", "--metrics", "diversity/dist_1")
    assert table(done.out)["diversity/dist_1"][-1] == "worse"
    done = eva("score", "same.jsonl", "--baseline", "same.jsonl", "--metrics", "diversity/dist_1")
    assert table(done.out)["diversity/dist_1"][2:] == [
        "0.0000",
        "0.0000 to 0.0000",
        "1.00",
        "1.00",
        "-",
        "within noise",
    ]


def test_text_metrics_load_no_model_library(responses: Path, root: Path) -> None:
    program = (
        "import sys; from eva.cli import main\n"
        "try: main()\n"
        "except SystemExit: print({'torch', 'transformers', 'mlflow'} & set(sys.modules))"
    )
    words = [sys.executable, "-c", program, "score", "ours.jsonl"]
    done = subprocess.run(words, env={"PYTHONPATH": str(root / "src")}, capture_output=True, text=True)
    assert done.stdout.endswith("set()\n"), done.stdout + done.stderr


def test_what_is_not_measured_is_no_number(eva: Eva, here: Path) -> None:
    write_rows(here / "short.jsonl", [row(response="Yes", reference="Yes"), row(turn=2, response="No")])
    done = eva("score", "short.jsonl", "--baseline", "short.jsonl", "--metrics", "diversity/dist_2")
    assert done.code == 0
    first = next(cells(line) for line in done.out.splitlines() if line.startswith("diversity/dist_2"))
    assert first == ["diversity/dist_2", "not measured", "-", "0", "percent"]
    assert table(done.out)["diversity/dist_2"][-1] == "not measured"
    assert "0.0000" not in done.out


def test_a_script_that_cannot_be_split_is_left_out_and_said(eva: Eva, here: Path) -> None:
    write_rows(here / "zh.jsonl", [row(response="我听到你说的了", reference="我听到你说的了")])
    done = eva("score", "zh.jsonl")
    assert done.code == 0
    left_out = next(line for line in done.err.splitlines() if "in a script without spaces" in line)
    assert left_out.startswith(
        "left out: overlap, diversity, length/words, repetition: 1 of 1 rows of zh.jsonl"
    )
    assert {name.partition("/")[0] for name in table(done.out)} == {"metric", "defect"}
    assert table(done.out)["defect/not_english"][0] == "100.00"
    assert eva("score", "zh.jsonl", "--metrics", "overlap,diversity,length").code == 2
    write_rows(here / "mixed.jsonl", [row(), row(turn=2), row("b"), row("b", 2, response="我听到你说的了")])
    done = eva("score", "mixed.jsonl", "--metrics", "length")
    assert "note: length/words: 1 of 4 rows are in a script without spaces" in done.err


def test_a_thought_in_a_file_is_cut_out_counted_and_kept(eva: Eva, here: Path) -> None:
    said = "That is a lot to carry."
    rows = [
        row("a", 1, 1, response=f"<think>\nThey are upset.\n</think>\n\n{said}"),
        row("b", 1, 1, response=said),
    ]
    ours = write_rows(here / "ours.jsonl", rows)
    done = eva("score", ours, "--metrics", "length", "--json", "out.json")
    assert (done.code, done.err.count("1 of 2 responses came with a thought")) == (0, 1)
    written = json.loads(Path("out.json").read_text())
    assert written["metrics"]["length/words"]["value"] == 6
    assert written["provenance"]["thoughts"] == 1
    thoughtful, plain = read_responses(ours)
    assert (thoughtful.response, plain.raw) == (said, None)
    assert thoughtful.raw == rows[0]["response"]


def test_a_thought_and_nothing_else_is_no_response(eva: Eva, here: Path) -> None:
    ours = write_rows(here / "ours.jsonl", [row("a", 1, 1, response="<think>They are upset.")])
    done = eva("score", ours, "--metrics", "length")
    assert done.code == 2
    assert "line 1: `response` is a thought and nothing else" in done.err
    assert eva("score", ours, "--metrics", "length", "--allow-empty").code == 0
    assert read_responses(ours, allow_empty=True)[0].finish == "length"
