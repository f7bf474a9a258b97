"""The pipeline run that a stage belongs to: a Prefect flow run, a DVC experiment, or one `dvc repro`.

It is found from the stage's environment and from its parent processes, so all stages that one command runs
find the same one, in whatever order they run and wherever their workers are.
"""

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eva.artifacts import fingerprint
from eva.compat.parent_death import CALLER
from eva.record.changes import read_changes

VARIABLE = "EVA_PIPELINE_RUN"  # set by a flow: {"key": ..., "name": ..., "url": ...}
_EXPERIMENT, _BASELINE = "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"  # set by `dvc exp run`
_DVC = ("dvc", "flows.dvc_hooks")


@dataclass(frozen=True)
class PipelineRun:
    """A pipeline run.

    Attributes:
        key: by which its stages find each other; unique.
        kind: `prefect`, `experiment`, `repro`, or `stage` for one that was started by hand.
        name: the name under which it is known where it was started.
        url: its page in Prefect, if it has one.
        params: all values of `params.yaml` by key, as text.
        profile: the profile that these are nearest to.
        changed: the keys whose values differ from the profile's, with the profile's values.
    """

    key: str
    kind: str
    name: str
    url: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    profile: str | None = None
    changed: dict[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> str:
        """What differs from the profile, in one line: `dpo.beta=0.3`."""
        return ", ".join(f"{key}={self.params.get(key, 'absent')}" for key in self.changed)


def pipeline_run(root: Path, code: str) -> PipelineRun:
    """The pipeline run of this process; `code` identifies it where nothing else does."""
    key, kind, name, url = _identity(code)
    found = read_changes(root)
    return PipelineRun(key, kind, name, url, found.params, found.profile, found.changed)


def _identity(code: str) -> tuple[str, str, str, str | None]:
    flow = _flow()
    url = flow.get("url")
    if experiment := os.environ.get(_EXPERIMENT):  # also where a flow started it: one run per grid point
        key = fingerprint([os.environ.get(_BASELINE), experiment])
        return key, "experiment", experiment, url
    if flow:
        return str(flow["key"]), "prefect", str(flow["name"]), url
    if started := _dvc_process():
        name = f"dvc repro {datetime.fromtimestamp(started[2], UTC):%Y-%m-%d %H:%M:%S}"
        return fingerprint(started), "repro", name, None
    return code, "stage", f"by hand {code[:8]}", None


def _flow() -> dict[str, Any]:
    try:
        given = json.loads(os.environ.get(VARIABLE) or "{}")
    except ValueError:
        return {}
    return given if isinstance(given, dict) and {"key", "name"} <= given.keys() else {}


def _dvc_process() -> tuple[str, int, float] | None:
    """Host, id and time of start of the DVC process that runs this stage, if there is one.

    A stage that is a fork of a waiting process has no DVC above it, but the process that asked for it has.
    """
    import psutil

    with suppress(psutil.Error):  # it has ended already
        for process in psutil.Process(int(os.environ.get(CALLER, os.getpid()))).parents():
            if any(Path(word).name in _DVC for word in process.cmdline()[:4]):
                return socket.gethostname(), process.pid, process.create_time()
    return None
