"""Stage `capability`: tasks that cannot run are refused before a model is loaded."""

from pathlib import Path

import pytest
from tests.bad_input.conftest import Checkout

from eva.models.loading import Policy

CODE = """task: {name}
unsafe_code: true
dataset_path: json
dataset_kwargs: {{data_files: {{test: nowhere.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: a
doc_to_target: b
"""


@pytest.mark.slow
def test_tasks_that_run_code_without_leave(
    checkout: Checkout, unloadable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval", reason="pip install -e '.[capability]' -c constraints.txt")
    monkeypatch.delenv("HF_ALLOW_CODE_EVAL", raising=False)
    for name in ("programs", "scripts"):
        (checkout.path / f"data/sample/tasks/{name}.yaml").write_text(CODE.format(name=name))
    for variant in ("base", "eva"):
        Policy(str(unloadable), None, "eva", None).write(checkout.path / "dpo" / variant / "policy.json")
    checkout.edit(capability__tasks=["programs", "scripts"])
    said = checkout.refusal(
        "capability",
        **{"corpus": "esconv", "backbone": "tiny_llama", "seed": 1, "before": "dpo/base", "after": "dpo/eva"},
        **{"task-path": "data/sample/tasks", "out": "capability/1.json", "metrics": "metrics/1.json"},
    )
    assert "capability.tasks: 2 problems" in said
    assert "'programs' runs code that the model wrote" in said
    assert "HF_ALLOW_CODE_EVAL=1" in said
