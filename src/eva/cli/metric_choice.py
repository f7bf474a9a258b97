"""Which metrics can be computed on the responses and scorers at hand, and why others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.cli.response_files import ResponseFile
from eva.errors import InputError, raise_if
from eva.metrics.catalogue import Metric

_LISTED = 10  # line numbers that a message names


@dataclass(frozen=True)
class ScorerFolder:
    """A folder with `level_classifier/` and `epitome/<mechanism>/`, as `dvc repro` leaves in models/.

    `version` names it in the model registry, if it is from there.
    """

    path: Path
    version: str | None = None

    def needed_by(self, metric: Metric) -> list[Path]:
        """The files without which a metric has no labels."""
        if metric.family == "evaeval":
            return [self.path / "level_classifier" / name for name in ("labels.json", "reference.json")]
        if metric.family == "epitome":
            return [self.path / metric.name / "labels.json"]
        return []


@dataclass(frozen=True)
class Choice:
    """Metrics to compute, and a line for each reason why others are left out."""

    chosen: list[Metric]
    left_out: list[str]

    @property
    def metrics(self) -> list[str]:
        return [metric.name for metric in self.chosen]

    def uses(self, *families: str) -> bool:
        """Whether a metric of these families is to be computed."""
        return any(metric.family in families for metric in self.chosen)


def scorer_folder(given: str | None) -> ScorerFolder:
    """The folder or registered model that `--scorers` names, `models` by default.

    An `InputError` if a named one is not there.
    """
    if given is None:
        return ScorerFolder(Path("models"))
    if given.startswith("models:"):
        from eva.registry.scorer_versions import fetch_scorers

        fetched = fetch_scorers(given, Path.cwd())
        return ScorerFolder(fetched.path, fetched.uri)
    if not Path(given).is_dir():
        raise InputError(f"--scorers {given}: no such folder; it should hold level_classifier/ and epitome/")
    return ScorerFolder(Path(given))


def choose(
    wanted: Sequence[Metric], files: Sequence[ResponseFile], folder: ScorerFolder, *, only_possible: bool
) -> Choice:
    """The wanted metrics, or with `only_possible` those of them that can be computed.

    Otherwise an `InputError` lists what keeps the others from it.
    """
    obstacles = {metric.name: _obstacles(metric, files, folder) for metric in wanted}
    by_reason: dict[str, list[str]] = {}
    for name, reasons in obstacles.items():
        for reason in reasons:
            by_reason.setdefault(reason, []).append(name)
    lines = [f"{_short(names)}: {reason}" for reason, names in by_reason.items()]
    if not only_possible:
        raise_if(lines, "--metrics")
    possible = [metric for metric in wanted if not obstacles[metric.name]]
    if not possible:
        raise_if(lines, "no metric can be computed")
    return Choice(possible, lines)


def _obstacles(metric: Metric, files: Sequence[ResponseFile], folder: ScorerFolder) -> list[str]:
    if metric.family == "overlap":
        return [reason for file in files for reason in _without_reference(file)]
    absent = [path for path in folder.needed_by(metric) if not path.is_file()]
    return [_untrained(path, folder) for path in absent[:1]]


def _untrained(path: Path, folder: ScorerFolder) -> str:
    lacks = f"no {path}" if path.parent.is_dir() else f"no scorer for it in {folder.path}"
    return f"{lacks}; train it with `dvc repro`, or name another folder by --scorers"


def _without_reference(file: ResponseFile) -> list[str]:
    bare = [str(row.line) for row in file.rows if not row.reference]
    if not bare:
        return []
    places = ", ".join(bare[:_LISTED]) + (", …" if len(bare) > _LISTED else "")
    return [f"{len(bare)} of {len(file.rows)} rows of {file.path} have no `reference` (line {places})"]


def _short(names: Sequence[str]) -> str:
    """Families where several of a family are meant."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(name.partition("/")[0].partition("_")[0], []).append(name)
    return ", ".join(members[0] if len(members) == 1 else family for family, members in families.items())
