"""Starts the processes of a training on several devices."""

import logging
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import eva
from eva.artifacts import read_json, write_json
from eva.compat.extension_builds import FOLDER, builds_without_leftovers, default_folder
from eva.compat.parent_death import end_with_parent
from eva.errors import InputError, ProcessError
from eva.meeting import Meeting
from eva.settings.training_section import Training
from eva.training.arguments import accumulated, effective_batch

log = logging.getLogger(__name__)

LEAVE_SECONDS = (
    120  # that the processes have, once one has failed or Ctrl-C was pressed, until they are killed
)


def is_distributed(settings: Training) -> bool:
    """Whether the training runs in separate processes, started by a launcher."""
    return settings.launcher != "single"


def launch_problems(settings: Training) -> list[str]:
    """Problems of the DeepSpeed file, if the settings name one."""
    path = settings.deepspeed
    if path is None:
        return []
    if not path.is_file():
        return [f"deepspeed: {path} is not a file; infra/deepspeed/ has two examples"]
    try:
        given = read_json(path)
    except InputError as error:
        return [f"deepspeed: {problem}" for problem in error.problems]
    if not isinstance(given, dict):
        return [f"deepspeed: {path} must contain a JSON object, see the examples in infra/deepspeed/"]
    return list(_contradictions(path, given, settings))


def _contradictions(path: Path, given: Mapping[str, Any], settings: Training) -> Iterator[str]:
    """Numbers in the file that differ from the settings, which transformers would refuse later."""
    ours = {
        "train_micro_batch_size_per_gpu": settings.batch_size,
        "gradient_accumulation_steps": accumulated(settings),
        "train_batch_size": effective_batch(settings),
    }
    for name, value in ours.items():
        if given.get(name, "auto") not in ("auto", value):
            yield (
                f"deepspeed: {path} sets {name} to {given[name]}, but the settings give {value}; "
                'write "auto" there'
            )


def argv(
    settings: Training, module: str, folder: Path, checkpoint: Path | None, number: int | None = None
) -> list[str]:
    """The command that trains the job written in `folder` on one host's devices.

    With a number it is for that host alone: the first is 0, and has the process that logs and saves.
    """
    launcher = ["-m", "torch.distributed.run", *_place(settings, folder.name, number)]
    launcher += ["--nproc-per-node", str(settings.processes // settings.hosts)]
    launcher += ["--shutdown-timeout", str(LEAVE_SECONDS)]
    words = [str(folder), *([str(checkpoint)] if checkpoint else [])]
    return [sys.executable, *launcher, "-m", module, *words]


def _place(settings: Training, name: str, number: int | None) -> list[str]:
    if settings.hosts == 1:
        return ["--standalone"]
    if number is not None:
        address, _, port = str(settings.rendezvous).rpartition(":")
        meeting = ["--master-addr", address, "--master-port", port]
        return ["--nnodes", str(settings.hosts), "--node-rank", str(number), *meeting]
    endpoint = ["--rdzv-backend", "c10d", "--rdzv-endpoint", str(settings.rendezvous), "--rdzv-id", name]
    return ["--nnodes", str(settings.hosts), *endpoint]


def start(settings: Training, module: str, folder: Path, checkpoint: Path | None) -> None:
    """Run this host's training processes to their end; each runs `module` as its program.

    On Ctrl-C they get the time to finish their step and save. Should this process be killed, they end too.

    Raises:
        ProcessError: a process failed; its log is on stderr, and the next start resumes.
    """
    meeting = Meeting.given()
    if meeting:
        settings = settings.model_copy(update={"hosts": meeting.hosts, "rendezvous": meeting.address})
    command = argv(settings, module, folder, checkpoint, 0 if meeting else None)
    log.info("starting %s", shlex.join(command))
    if meeting:
        others = [argv(settings, module, folder, checkpoint, number) for number in range(1, meeting.hosts)]
        write_json(Path(meeting.commands), [words[1:] for words in others])  # each has a Python of its own
    elif settings.hosts > 1:
        log.info(
            "now give that command, with PYTHONPATH=src, on the other %d host(s), in a checkout of this code "
            "that sees %s; they meet at %s", settings.hosts - 1, folder, settings.rendezvous,
        )  # fmt: skip
    with builds_without_leftovers(default_folder()):
        status = _run(command, _environment(settings))
    if status != 0:
        raise ProcessError(
            f"{settings.processes} training processes ended with status {status} (their log is above); "
            "run the same stage again to resume from the last checkpoint"
        )


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    # A session of its own: a terminal would send Ctrl-C to torchrun too, and a second one cuts a save short.
    process = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=end_with_parent)
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)  # torchrun hands it on; it would not SIGKILL
        process.wait()
        raise


def _environment(settings: Training) -> dict[str, str]:
    source = str(Path(eva.__file__).parents[1])
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = str(max(1, (os.cpu_count() or 1) * settings.hosts // settings.processes))
    ours = {"OMP_NUM_THREADS": threads, FOLDER: str(default_folder())}
    return {**ours, **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
