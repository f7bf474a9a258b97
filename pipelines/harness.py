"""What every stage does around its one library call.

A stage is a function `body(run, settings, *, <arguments>)`. Its keyword-only arguments are the
command line: `Path` arguments are inputs unless their name is in `OUTPUTS`. The harness checks
`params.yaml`, opens the record of the run, and turns an `InputError` into one message and exit
code 2.
"""

import argparse
import csv
import inspect
import io
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eva import artifacts
from eva import record as tracking
from eva.errors import InputError
from eva.record.checkout import main_checkout
from eva.settings.params_file import Settings, read_settings

OUTPUTS = ("out", "metrics", "plots", "provenance")
CURVE = ("step", "loss")
CONFUSION = ("actual", "predicted")
AXES = ("corpus", "backbone", "seed", "variant", "mechanism", "name")

log = logging.getLogger("eva")

Body = Callable[..., None]


def stage(name: str) -> Callable[[Body], Callable[[], None]]:
    """Make `body` the command line of the DVC stage `name`."""

    def decorate(body: Body) -> Callable[[], None]:
        return lambda: sys.exit(_main(name, body))

    return decorate


def _main(name: str, body: Body) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    _quiet_libraries()
    arguments = _parse(name, body)
    try:
        _run(name, body, arguments)
    except (InputError, FileNotFoundError) as error:
        log.error("%s failed: %s", name, error)
        return 2
    return 0


def _run(name: str, body: Body, arguments: dict[str, Any]) -> None:
    root = Path.cwd()
    settings = read_settings(root / "params.yaml")
    inputs = {k: v for k, v in arguments.items() if isinstance(v, Path) and k not in OUTPUTS}
    _require(inputs)
    item = {axis: str(arguments[axis]) for axis in AXES if axis in arguments}
    started = time.perf_counter()
    log.info("%s %s", name, "/".join(item.values()))
    with tracking.stage_run(name, item, _obeyed(name, settings, item), inputs, root=root) as run:
        body(run, settings, **arguments)
        run.log_outputs({k: arguments[k] for k in OUTPUTS if k in arguments})
    log.info("%s done in %.1f s", name, time.perf_counter() - started)


def _obeyed(name: str, settings: Settings, item: dict[str, str]) -> dict[str, Any]:
    """The sections of `params.yaml` that the stage obeys: its own and its item's rows."""
    everything = {key.rstrip("_"): value for key, value in settings.model_dump(mode="json").items()}
    tables = {"corpus": "corpora", "backbone": "backbones", "name": "backbones", "variant": "variants"}
    rows = {
        f"{tables[axis]}.{row}": everything[tables[axis]][row] for axis, row in item.items() if axis in tables
    }
    return {**({name: everything[name]} if name in everything else {}), **rows}


def _require(inputs: dict[str, Path]) -> None:
    missing = [f"--{key.replace('_', '-')} {path}" for key, path in inputs.items() if not path.exists()]
    if missing:
        raise InputError(
            f"no such file or folder: {', '.join(missing)}; `dvc repro` makes what a stage writes, "
            "corpora come with `eva data import DIR` or `eva data fetch`"
        )


def _parse(name: str, body: Body) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog=f"python -m pipelines.{name}", description=inspect.getdoc(body))
    for parameter in inspect.signature(body).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            flag = f"--{parameter.name.replace('_', '-')}"
            parser.add_argument(flag, type=parameter.annotation, required=True)
    return vars(parser.parse_args())


def _quiet_libraries() -> None:
    """Third-party chatter hides our progress; our own log lines stay."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore", category=FutureWarning)
    for noisy in (
        "httpx",
        "httpx2",
        "great_expectations",
        "alembic",
        "mlflow",
        "datasets",
        "filelock",
        "urllib3",
    ):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def checkpoint_store() -> Path:
    """Where resumable checkpoints live: EVA_CHECKPOINTS, or `.eva/checkpoints` of the main checkout.

    Outside the outs, because DVC clears those before a stage runs; shared with queued experiments.
    """
    given = os.environ.get("EVA_CHECKPOINTS")
    return Path(given) if given else main_checkout(Path.cwd()) / ".eva" / "checkpoints"


def answer_store() -> Path:
    """Where paid answers of endpoints are kept: EVA_ANSWERS, or `.eva/answers` of the main checkout.

    Apart from checkpoints, which `make clean` removes.
    """
    given = os.environ.get("EVA_ANSWERS")
    return Path(given) if given else main_checkout(Path.cwd()) / ".eva" / "answers"


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], first: tuple[str, ...]) -> None:
    """A csv that `dvc plots` draws; columns `first` are there even without a row."""
    columns = list(dict.fromkeys([*first, *(key for row in rows for key in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    artifacts.write_text(path, text.getvalue())
