"""Choice of the metrics that can be computed with the given responses and scorers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.cli.response_files import ResponseFile
from eva.errors import InputError, raise_if
from eva.metrics.catalogue import Metric
from eva.metrics.needs import HISTOGRAM, by_reason, label_kinds, row_obstacles


@dataclass(frozen=True)
class ScorerFolder:
    """A folder with `level_classifier/` and `epitome/<mechanism>/`, as in models/ after `dvc repro`.

    `version` is its address in the model registry, if it comes from there.
    """

    path: Path
    version: str | None = None

    def needed_by(self, metric: Metric) -> list[Path]:
        """The files that a metric needs: labels of scorers, and the reference histogram V."""
        level = self.path / "level_classifier"
        labels = [
            (level if kind == "level" else self.path / kind) / "labels.json"
            for kind in label_kinds(metric.needs)
        ]
        return [*labels, *([level / "reference.json"] if HISTOGRAM in metric.needs else [])]


@dataclass(frozen=True)
class Choice:
    """The metrics to compute, and one line for each reason why others are left out."""

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
    """The folder or registered model that `--scorers` names, by default `models`.

    Raises:
        InputError: it does not exist.
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
    """The wanted metrics; with `only_possible`, only those that can be computed.

    Raises:
        InputError: a wanted metric (with `only_possible`: every one) cannot be computed; lists the reasons.
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
    return f"{lacks}; train it with `dvc repro`, or give another folder with --scorers"
