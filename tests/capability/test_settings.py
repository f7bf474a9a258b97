"""The settings of stage `capability`, and what it does without tasks or without lm-eval."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from eva.capability import lm_eval_tasks as harness
from eva.errors import InputError
from eva.models.loading import Policy
from eva.settings.params_file import load_settings
from eva.settings.profiles import profile_settings, read_profile


def _params(root: Path, **changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = read_profile(root / "profiles", "smoke").raw
    raw["capability"] |= changes
    return raw


def test_the_paper_profile_names_the_tasks_of_table_13(root: Path) -> None:
    tasks = profile_settings(root / "profiles", "paper").capability.tasks
    assert tasks == ["hellaswag", "coqa", "mmlu", "wikitext", "humaneval"]


@pytest.mark.parametrize("profile", ["laptop", "smoke", "study"])
def test_other_profiles_measure_nothing(root: Path, profile: str) -> None:
    assert profile_settings(root / "profiles", profile).capability.tasks == []


def test_variants_must_be_rows_and_differ(root: Path) -> None:
    with pytest.raises(InputError, match=re.escape("`capability.after` names 'evaa', which does not exist")):
        load_settings(_params(root, after="evaa"))
    with pytest.raises(InputError, match=r"`capability\.after` is .eva.: `capability\.before` is the same"):
        load_settings(_params(root, before="eva"))


def test_without_tasks_the_stage_writes_an_empty_result_and_loads_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(_params(root)))
    for variant in ("base", "eva"):
        Policy("models/backbone/none", None, "eva", None).write(tmp_path / variant / "policy.json")
    (tmp_path / "tasks").mkdir()
    program = (
        "import sys; from pipelines.runner import main\n"
        "assert main('capability esconv-tiny_llama-1 --before base --after eva"
        " --task-path tasks --out out/1.json --metrics metrics/1.json'.split()) == 0\n"
        "print([name for name in ('torch', 'lm_eval', 'transformers') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={
            "PYTHONPATH": f"{root / 'src'}:{root}",
            "MLFLOW_TRACKING_URI": "absent://",
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    result = json.loads((tmp_path / "out" / "1.json").read_text())
    assert result == {"before": "base", "after": "eva", "inapplicable": None, "scores": {}}
    assert json.loads((tmp_path / "metrics" / "1.json").read_text()) == {}


def test_tasks_without_lm_eval_are_refused_with_the_way_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=re.escape("pip install -e '.[capability]' -c constraints.txt")):
        harness.find_tasks(["hellaswag"], tmp_path)
