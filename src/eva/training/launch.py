"""Starting a training on several devices: one place that builds and runs the command."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import eva
from eva.artifacts import read_json
from eva.errors import InputError
from eva.settings.training_section import Training

log = logging.getLogger(__name__)


def is_distributed(settings: Training) -> bool:
    """Whether the training runs in processes of its own."""
    return settings.launcher != "single"


def launch_problems(settings: Training) -> list[str]:
    """What is wrong with the DeepSpeed file, if one is named; the section itself checks the launcher."""
    path = settings.deepspeed
    if path is None:
        return []
    if not path.is_file():
        return [f"deepspeed: {path} is no file; infra/deepspeed/ holds two"]
    try:
        given = read_json(path)
    except InputError as error:
        return [f"deepspeed: {problem}" for problem in error.problems]
    if not isinstance(given, dict):
        return [f"deepspeed: {path} should hold a JSON object, as those in infra/deepspeed/ do"]
    return list(_contradictions(path, given, settings))


def _contradictions(path: Path, given: Mapping[str, Any], settings: Training) -> Iterator[str]:
    """Numbers of the file that the settings say otherwise; transformers would refuse them in the training."""
    batch = settings.batch_size * settings.accumulation * settings.processes
    ours = {
        "train_micro_batch_size_per_gpu": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulation,
        "train_batch_size": batch,
    }
    for name, value in ours.items():
        if given.get(name, "auto") not in ("auto", value):
            yield (
                f"deepspeed: {path} sets {name} to {given[name]} and the settings make it {value}; "
                'write "auto" there'
            )


def argv(processes: int, module: str, folder: Path, checkpoint: Path | None) -> list[str]:
    """The command that trains the job written in `folder` on this machine's devices."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    words = [str(folder), *([str(checkpoint)] if checkpoint else [])]
    return [sys.executable, *launcher, "-m", module, *words]


def start(settings: Training, module: str, folder: Path, checkpoint: Path | None) -> None:
    """Run the training processes to their end; each runs `module` as its program.

    Raises:
        RuntimeError: a process failed; its log is on stderr, and the next start resumes.
    """
    command = argv(settings.processes, module, folder, checkpoint)
    log.info("starting %s", " ".join(command))
    process = subprocess.Popen(command, env=_environment(settings.processes))
    try:
        status = process.wait()
    except BaseException:
        process.terminate()  # torchrun ends its processes on SIGTERM, and would not on SIGKILL
        process.wait()
        raise
    if status != 0:
        raise RuntimeError(
            f"{settings.processes} training processes ended with status {status} (their log is above); "
            "run the same stage again to resume from the last checkpoint"
        )


def _environment(processes: int) -> dict[str, str]:
    source = str(Path(eva.__file__).parents[1])
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    return {"OMP_NUM_THREADS": threads, **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
