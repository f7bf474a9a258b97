"""Keeping the output of libraries out of EVA's log: progress bars, advice, deprecation warnings."""

import logging
import os
import sys
import warnings

_NOISY = (
    "alembic", "datasets", "filelock", "great_expectations", "httpx", "httpx2", "mlflow", "urllib3",
)  # fmt: skip
_OURS = ("eva", "pipelines", "__main__")


def silence_libraries() -> None:
    """Hide the output of libraries except errors and most warnings; call it after logging is configured."""
    verbosity = os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # read when transformers is imported
    # "Loading weights", "Writing model shards": read when huggingface_hub is imported.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    if "transformers" in sys.modules:
        from transformers.utils.logging import disable_progress_bar, set_verbosity_error

        disable_progress_bar()
        if verbosity == "error":
            set_verbosity_error()
    warnings.filterwarnings("ignore", category=FutureWarning)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_wanted)  # some libraries set their own level to INFO
    logging.getLogger("DeepSpeed").addFilter(_is_error)  # it has a handler of its own


def _is_wanted(record: logging.LogRecord) -> bool:
    return record.name.startswith(_OURS) or record.levelno >= logging.WARNING


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR
