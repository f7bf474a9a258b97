"""Names of flow runs: what is trained, on what, and which stages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.runtime import flow_run

from eva.artifacts import read_yaml

FEW = 5  # entries that are spelt out


def pipeline_name() -> str:
    """Backbones, corpora, seeds and variants of `params.yaml`, then the targets of the present run."""
    path = Path("params.yaml")
    params = read_yaml(path) if path.is_file() else {}
    return describe(params, flow_run.parameters.get("targets") or [])


def describe(params: dict[str, Any], targets: Sequence[str]) -> str:
    """For example `smollm2 on esconv, seeds 1: base, cot, eva`."""
    matrix = params.get("matrix") or {}
    axes = {name: _few(matrix.get(name) or []) for name in ("backbones", "corpora", "seeds")}
    if not all(axes.values()):
        return f"pipeline: {_few(targets) or 'all stages'}"
    shown = f"{axes['backbones']} on {axes['corpora']}, seeds {axes['seeds']}"
    return f"{shown}: {_few(targets) or _few(list(params.get('variants') or {}))}"


def _few(entries: Sequence[Any]) -> str:
    more = [f"and {len(entries) - FEW} more"] if len(entries) > FEW else []
    return ", ".join([*(str(entry) for entry in entries[:FEW]), *more])
