"""docs/extending.md, done: a metric, corpus, backbone and variant from outside the package, in the report.

What the page shows is what is tried: the plugins are its own code blocks. The stages run for real; only
what they do not depend on (scorers, preference pairs) is invented.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.e2e.conftest import Clone, make_clone
from tests.preloaded import preloading
from tests.report.synthetic import write_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"
ITEM = "talks-own_qwen-1"
VARIANTS = ("base", "plain_cot")
STAGES = ("sft", "dpo", "generate", "evaluate")
TARGETS = [
    *("prepare@talks", "validate@talks", "backbone@own_qwen"),
    *(f"{stage}@{ITEM}-{variant}" for stage in STAGES for variant in VARIANTS),
    *("people@talks", f"capability@{ITEM}", "report"),
]
FEARS = ("the exam", "the move", "my mother", "the surgery", "the dark", "Monday", "the flight", "my boss")


def _plugins(folder: Path) -> list[Path]:
    """Write the page's Python blocks to the files that their first lines name."""
    written = []
    for code in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S):
        name, _, text = code.removeprefix("# ").partition("\n")
        written.append(folder / name)
        written[-1].write_text(text, encoding="utf-8")
    return written


def _talks(folder: Path) -> None:
    """Invented talks, none twice, two emotions in turn."""
    folder.mkdir(parents=True)
    for split, some in (("train", FEARS), ("valid", FEARS[:2]), ("test", FEARS)):
        lines = [
            f"{('sad', 'afraid')[place % 2]}\tI think of {fear} every {split} night.\tThat sounds heavy."
            f"\tIt is, {split}.\tTell me more."
            for place, fear in enumerate(some)
        ]
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")


def _own_model(folder: Path) -> None:
    """A random Qwen2 in an ordinary Hugging Face folder."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from eva.models.tiny import chatml_tokenizer

    tokenizer = chatml_tokenizer()
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = Qwen2Config(
        vocab_size=len(tokenizer), num_key_value_heads=2, max_position_embeddings=2048, **shape, **ids
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _rows(clone: Clone) -> None:
    """What the page tells to add to params.yaml."""
    with clone.params() as params:
        added = params
    added["corpora"]["talks"] = {"format": "talks", "path": "data/talks", "min_dialogues": 4}
    added["backbones"]["own_qwen"] = {"role": "causal", "source": "local", "id": "data/own_qwen"}
    untrained = {"acquire": False, "align": False}
    added["variants"] = {"base": {**untrained, "prompt": "eva"}, "plain_cot": {**untrained, "prompt": "cot"}}
    added["matrix"] |= {"corpora": ["talks"], "backbones": ["own_qwen"]}
    added["evaluate"]["metrics"] = ["plain_words", "length"]
    added["generate"]["max_dialogues"] = len(FEARS)  # two have no interval
    added["capability"]["after"] = "plain_cot"
    added["register"] |= {"corpus": "talks", "backbone": "own_qwen", "variant": "plain_cot"}
    clone.save(added)


def _no_detectors(folder: Path) -> None:
    """Rates of detectors that nobody measured."""
    share = {"hits": 1, "n": 2, "interval": [0.1, 0.9]}
    labelled = {"sensitivity": share, "false_alarms": share}
    rates = {"written after": labelled, "ordinary": {"conversations": share}}
    folder.mkdir(parents=True)
    (folder / "measured.json").write_text(json.dumps(dict.fromkeys(("rules", "probe", "either"), rates)))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone with all four additions, and the stages that they make run."""
    clone = make_clone(tmp_path_factory.mktemp("extended"))
    assert [path.parent.name for path in _plugins(clone.root)] == ["metrics", "estimators", "corpora"]
    _talks(clone.root / "data" / "talks")
    _own_model(clone.root / "data" / "own_qwen")
    _rows(clone)
    study = write_study(tmp_path_factory.mktemp("study"))
    shutil.copytree(study / "levels", clone.root / "models" / "level_classifier")
    shutil.copytree(study / "epitome", clone.root / "models" / "epitome")
    _no_detectors(clone.root / "models" / "crisis_detector")
    for folder in ("data/preferences/own_qwen", "metrics/preferences", "safety"):
        (clone.root / folder).mkdir(parents=True)
    assert clone.run("eva", "params", "check").stdout.startswith("params.yaml: fine (2 variants")
    with preloading(clone.root, clone.env()) as beside:
        ready = replace(clone, beside=beside)
        assert ready.ran("--single-item", *TARGETS) == set(TARGETS)
        yield ready


def test_table_and_page_show_them(extended: Clone) -> None:
    table = (extended.root / "report" / "comparison.txt").read_text().splitlines()
    assert table[0].startswith("talks, own_qwen") and "baseline base" in table[0]
    headings = next(line.split() for line in table if "Chars" in line)
    assert "SD" not in headings, "another table's metric stands in this one"
    assert [line.split()[0] for line in table if line.startswith(VARIANTS)] == list(VARIANTS)
    page = (extended.root / "report" / "index.html").read_text()
    assert all(words in page for words in ("Chars", "SD", "Characters of a response over its words"))


def test_the_comparison_has_an_interval_of_each_metric(extended: Clone) -> None:
    rows = csv.DictReader((extended.root / "report" / "comparison.csv").open())
    found = {row["metric"]: row for row in rows if row["variant"] == "plain_cot"}
    for name in ("plain_words/length", "plain_words/spread"):
        row = found[name]
        assert row["corpus"] == "talks" and float(row["low"]) <= float(row["value"]) <= float(row["high"])
        assert row["difference_low"], f"{name} was compared with nothing"


def test_dvc_plots_and_mlflow_have_the_metric(extended: Clone) -> None:
    plotted = csv.DictReader((extended.root / "plots" / "report" / "comparison.csv").open())
    assert {row["variant"] for row in plotted if row["metric"] == "Chars"} == set(VARIANTS)
    stored = json.loads((extended.root / f"metrics/evaluate/{ITEM}-base.json").read_text())
    extended.run("eva", "runs", "replay")
    program = (
        "import mlflow, json; mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
        "runs = mlflow.search_runs(search_all_experiments=True, output_format='list')\n"
        f"mine = [run for run in runs if run.info.run_name == 'evaluate@{ITEM}-base']\n"
        "print(json.dumps([run.data.metrics['plain_words/length'] for run in mine]))"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(
        words, cwd=extended.root, env=extended.env(), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [pytest.approx(stored["plain_words/length"])]


def test_the_scores_say_which_plugins_made_them(extended: Clone) -> None:
    scores = json.loads((extended.root / f"scores/{ITEM}-base.json").read_text())
    assert set(scores["provenance"]["plugins"]) == {"plain_words", "spread"}
    about = scores["metrics"]["plain_words/length"]
    assert (about["heading"], about["unit"], about["higher_is_better"]) == ("Chars", "characters", False)


def test_an_edit_of_a_plugin_makes_stale_what_reads_it(extended: Clone) -> None:
    before = _stale(extended)
    scoring = {"people@talks", *(f"evaluate@{ITEM}-{variant}" for variant in VARIANTS)}
    wanted = {
        "metrics/plain_words.py": scoring,
        "estimators/spread.py": scoring | {"report"},
        "corpora/talks.py": {"prepare@talks", "validate@talks"},
    }
    for name, stages in wanted.items():
        plugin = extended.root / "plugins" / name
        text = plugin.read_text()
        plugin.write_text(f"{text}\n# reworded\n")
        assert _stale(extended) - before == stages
        plugin.write_text(text)


def _stale(clone: Clone) -> set[str]:
    """Of the stages that ran here, those that would run again."""
    return set(json.loads(clone.run("dvc", "status", "--json").stdout)) & set(TARGETS)
