"""Starting a training on several devices: one place that builds and runs the command."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import eva
from eva.settings.training_section import Training

log = logging.getLogger(__name__)


def is_distributed(settings: Training) -> bool:
    """Whether the training runs in processes of its own."""
    return settings.launcher != "single"


def launch_problems(settings: Training) -> list[str]:
    """Combinations of launcher settings that cannot start."""
    problems = []
    if settings.launcher == "single" and settings.processes > 1:
        problems.append(
            f"launcher: single starts one process and processes is {settings.processes}; "
            "set launcher: torchrun, or processes: 1"
        )
    if settings.launcher == "single" and settings.deepspeed is not None:
        problems.append(
            f"deepspeed: {settings.deepspeed} partitions a model over processes, which launcher: single "
            "does not start; set launcher: torchrun, or deepspeed: null"
        )
    if settings.deepspeed is not None and not settings.deepspeed.is_file():
        problems.append(f"deepspeed: {settings.deepspeed} is no file; infra/deepspeed/ holds two")
    return problems


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
