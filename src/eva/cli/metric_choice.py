"""Which metrics can be computed on the responses and scorers at hand, and why others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.errors import InputError, raise_if
from eva.evaluation.registry import Metric, select
from eva.evaluation.rows import ResponseRow

_LISTED = 10  # line numbers that a message names


@dataclass(frozen=True)
class ScorerFolder:
    """A folder with `level_classifier/` and `epitome/<mechanism>/`, as `dvc repro` leaves in models/."""

    path: Path

    @property
    def levels(self) -> Path:
        return self.path / "level_classifier"

    @property
    def epitome(self) -> Path:
        return self.path / "epitome"

    def needed_by(self, metric: Metric) -> list[Path]:
        """Files without which the metric has no labels."""
        if metric.family == "evaeval":
            return [self.levels / "labels.json", self.levels / "reference.json"]
        if metric.family == "epitome":
            return [self.epitome / metric.name.rpartition("/")[2] / "labels.json"]
        return []


@dataclass(frozen=True)
class Choice:
    """Names of the metrics to compute, and by reason those left out; `uses_scorers`: one of them is."""

    metrics: list[str]
    left_out: dict[str, list[str]]
    uses_scorers: bool


def scorer_folder(given: str | None) -> ScorerFolder:
    """The folder that `--scorers` names (`models` by default); an `InputError` if a named one is none."""
    if given is None:
        return ScorerFolder(Path("models"))
    if given.startswith("models:"):
        raise InputError(
            f"--scorers {given}: scorers are not in the model registry; give the folder that holds "
            "level_classifier/ and epitome/ (`dvc pull models/level_classifier` brings a trained one)"
        )
    if not Path(given).is_dir():
        raise InputError(f"--scorers {given}: no such folder; it should hold level_classifier/ and epitome/")
    return ScorerFolder(Path(given))


def asked_for(names: Sequence[str], files: dict[str, list[ResponseRow]], scorers: ScorerFolder) -> Choice:
    """All metrics of `names`; an `InputError` lists those that cannot be computed, and why."""
    chosen = select(names)
    reasons = _by_reason(chosen, files, scorers)
    raise_if((f"{_short(names)}: {reason}" for reason, names in reasons.items()), "--metrics")
    return _choice(chosen, {}, scorers)


def possible(names: Sequence[str], files: dict[str, list[ResponseRow]], scorers: ScorerFolder) -> Choice:
    """Those metrics of `names` that can be computed; the others are left out with the reason."""
    chosen = select(names)
    reasons = _by_reason(chosen, files, scorers)
    absent = {name for names in reasons.values() for name in names}
    return _choice([metric for metric in chosen if metric.name not in absent], reasons, scorers)


def left_out_line(reason: str, names: Sequence[str]) -> str:
    """For the user: what is not in the table."""
    return f"left out: {_short(names)} ({reason})"


def _choice(chosen: Sequence[Metric], left_out: dict[str, list[str]], scorers: ScorerFolder) -> Choice:
    uses_scorers = any(scorers.needed_by(metric) for metric in chosen)
    return Choice([metric.name for metric in chosen], left_out, uses_scorers)


def _by_reason(
    chosen: Sequence[Metric], files: dict[str, list[ResponseRow]], scorers: ScorerFolder
) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for metric in chosen:
        for reason in _reasons(metric, files, scorers):
            reasons.setdefault(reason, []).append(metric.name)
    return reasons


def _reasons(metric: Metric, files: dict[str, list[ResponseRow]], scorers: ScorerFolder) -> list[str]:
    if metric.family == "overlap":
        bare = {name: [row.line for row in rows if not row.reference] for name, rows in files.items()}
        return [_without_reference(name, lines, files[name]) for name, lines in bare.items() if lines]
    absent = [path for path in scorers.needed_by(metric) if not path.is_file()]
    if not absent:
        return []
    return [f"no {absent[0]}: train the scorer with `dvc repro`, or name another folder by --scorers"]


def _without_reference(name: str, lines: list[int], rows: list[ResponseRow]) -> str:
    places = ", ".join(map(str, lines[:_LISTED])) + (", …" if len(lines) > _LISTED else "")
    return f"needs a `reference`, which {len(lines)} of {len(rows)} rows of {name} lack (line {places})"


def _short(names: Sequence[str]) -> str:
    """Family names where more than one of a family is meant."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(name.partition("/")[0].removesuffix("_joint"), []).append(name)
    return ", ".join(one[0] if len(one) == 1 else f"{family}/…" for family, one in families.items())
