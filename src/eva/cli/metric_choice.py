"""Which metrics can be computed on the responses and scorers at hand, and why others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.cli.response_files import ResponseFile
from eva.errors import InputError, raise_if
from eva.metrics.catalogue import Metric
from eva.metrics.needs import HISTOGRAM, by_reason, label_kinds, row_obstacles


@dataclass(frozen=True)
class ScorerFolder:
    """A folder with `level_classifier/` and `epitome/<mechanism>/`, as `dvc repro` leaves in models/.

    `version` names it in the model registry, if it is from there.
    """

    path: Path
    version: str | None = None

    def needed_by(self, metric: Metric) -> list[Path]:
        """The files without which a metric has no labels, or no V."""
        level = self.path / "level_classifier"
        labels = [
            (level if kind == "level" else self.path / kind) / "labels.json"
            for kind in label_kinds(metric.needs)
        ]
        return [*labels, *([level / "reference.json"] if HISTOGRAM in metric.needs else [])]


@dataclass(frozen=True)
class Choice:
    """Metrics to compute, and a line for each reason why others are left out."""

    chosen: list[Metric]
    left_out: list[str]

    @property
    def metrics(self) -> list[str]:
        return [metric.name for metric in self.chosen]

    @property
    def needs(self) -> set[str]:
        """All that the metrics need, see `eva.metrics.needs`."""
        return {need for metric in self.chosen for need in metric.needs}


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
    lines = by_reason(obstacles, {metric.name: metric.family for metric in wanted})
    if not only_possible:
        raise_if(lines, "--metrics")
    possible = [metric for metric in wanted if not obstacles[metric.name]]
    if not possible:
        raise_if(lines, "no metric can be computed")
    return Choice(possible, lines)


def _obstacles(metric: Metric, files: Sequence[ResponseFile], folder: ScorerFolder) -> list[str]:
    rows = [reason for file in files for reason in row_obstacles(metric.needs, file.rows, str(file.path))]
    absent = [path for path in folder.needed_by(metric) if not path.is_file()]
    return [*rows, *(_untrained(path, folder) for path in absent[:1])]


def _untrained(path: Path, folder: ScorerFolder) -> str:
    lacks = f"no {path}" if path.parent.is_dir() else f"no scorer for it in {folder.path}"
    return f"{lacks}; train it with `dvc repro`, or name another folder by --scorers"
