"""A tiny model, the same with an adapter, and tasks written here over local data."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eva.models.loading import Policy

QUESTIONS = [
    ("What opens a door?", ["a key", "a spoon", "rain"], 0),
    ("What falls when it rains?", ["sand", "water"], 1),
    ("What do you drink from?", ["a shelf", "a cup", "a wheel"], 1),
    ("What comes after Monday?", ["Friday", "Tuesday"], 1),
    ("Who flies an aeroplane?", ["a pilot", "a baker"], 0),
    ("What melts in the sun?", ["iron", "a brick", "ice"], 2),
]
STORY = {
    "story": "Ann has a red cat. It sleeps.",
    "questions": {"input_text": ["Who has a cat?", "What colour is it?"]},
    "answers": {"input_text": ["Ann", "red"]},
    "additional_answers": {"0": {"input_text": ["Ann does", "dark red"]}},
}


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """A random Llama, as `backbone` and `dpo` leave an untrained variant."""
    from eva.models.tiny import build_tiny

    folder = tmp_path_factory.mktemp("model") / "tiny_llama"
    build_tiny("llama", "causal", folder)
    return Policy(str(folder), None, "eva", None)


@pytest.fixture(scope="session")
def after(before: Policy, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """The same with an adapter that changes what it says."""
    import torch
    from peft import LoraConfig, get_peft_model

    from eva.models.loading import load_model

    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(0)
    config = LoraConfig(
        r=8, lora_alpha=64, target_modules=["q_proj", "v_proj", "o_proj"], init_lora_weights=False
    )
    get_peft_model(load_model(Path(before.model)), config).save_pretrained(str(folder))
    return Policy(before.model, str(folder), "eva", None)


@pytest.fixture(scope="session")
def task_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a user would fill it: multiple choice, CoQA's and WikiText's own scoring, one of code."""
    folder = tmp_path_factory.mktemp("tasks")
    questions = [{"question": q, "choices": c, "answer": a} for q, c, a in QUESTIONS]
    common = "test_split: test\ntraining_split: null\nvalidation_split: null\ndataset_name: null\n"
    _write(folder, "sense", questions, f"""{common}
output_type: multiple_choice
doc_to_text: "{{{{question}}}}\\nAnswer:"
doc_to_choice: choices
doc_to_target: answer
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
""")  # fmt: skip
    from eva.capability.patched_tasks import COQA

    _write(folder, "stories", [STORY, STORY], f"include: {COQA}\n{common}")
    pages = [{"page": "I feel sad today . It rains ."}, {"page": "Thank you for the long talk ."}]
    _write(folder, "pages", pages, f"include: {_lm_eval_tasks() / 'wikitext' / 'wikitext.yaml'}\n{common}")
    _write(folder, "programs", questions, f"""{common}
unsafe_code: true
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
""")  # fmt: skip
    (folder / "both.yaml").write_text("group: both\ntask: [sense, programs]\n")
    (folder / "broken.yaml").write_text("task: [unclosed\n")
    return folder


def _lm_eval_tasks() -> Path:
    import importlib.util

    spec = importlib.util.find_spec("lm_eval")
    if spec is None or spec.origin is None:
        pytest.skip("lm-eval is not installed: pip install -e '.[capability]' -c constraints.txt")
    return Path(spec.origin).parent / "tasks"


def _write(folder: Path, name: str, rows: Sequence[dict[str, Any]], text: str) -> None:
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    kept = f"{{data_files: {{test: {data}}}, cache_dir: {folder / 'cache'}}}"
    head = f"task: {name}\ndataset_path: json\ndataset_kwargs: {kept}\n"
    (folder / f"{name}.yaml").write_text(head + text)
