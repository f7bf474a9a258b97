"""Finding the project folder, which holds `params.yaml`, `dvc.yaml` and `profiles/`."""

from pathlib import Path

PARAMS, PROFILES = "params.yaml", "profiles"
_MARKS = ("dvc.yaml", PARAMS, PROFILES)


def project_root(start: Path) -> Path:
    """The project folder: `start` or its nearest parent that holds one of these; `start` if none does."""
    start = start.resolve()
    return next((at for at in (start, *start.parents) if any((at / m).exists() for m in _MARKS)), start)
