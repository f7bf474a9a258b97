"""Keeps what libraries print out of our log: progress bars for every file, advice, deprecations."""

import logging
import os
import sys
import warnings

_NOISY = (
    "alembic", "datasets", "filelock", "great_expectations", "httpx", "httpx2", "mlflow", "urllib3",
)  # fmt: skip


def silence_libraries() -> None:
    """Errors of third-party libraries stay; call it once, when a program starts."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # "Loading weights", "Writing model shards": read when huggingface_hub is imported.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    if "transformers" in sys.modules:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
