"""Tasks under lm-eval's names that its pinned release cannot load with our transformers."""

from pathlib import Path

# lm-eval loads it by its name in the task file; imported here, the stage depends on it.
from eva.capability.patched_tasks import coqa  # noqa: F401

PATCHED_TASKS = Path(__file__).parent
COQA = PATCHED_TASKS / "coqa.yaml"
