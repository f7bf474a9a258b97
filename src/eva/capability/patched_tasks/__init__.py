"""Replacements of lm-eval tasks that its pinned release cannot load with EVA's version of transformers."""

from pathlib import Path

# lm-eval loads this module by its name in the task file; the import makes the stage depend on it.
from eva.capability.patched_tasks import coqa  # noqa: F401

PATCHED_TASKS = Path(__file__).parent
COQA = PATCHED_TASKS / "coqa.yaml"
