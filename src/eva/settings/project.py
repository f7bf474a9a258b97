"""Where the project is whose `params.yaml` is meant."""

from pathlib import Path

PARAMS, PROFILES = "params.yaml", "profiles"
_MARKS = ("dvc.yaml", PARAMS, PROFILES)


def project_root(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds a project; `start` itself if none does."""
    start = start.resolve()
    return next((at for at in (start, *start.parents) if any((at / m).exists() for m in _MARKS)), start)
