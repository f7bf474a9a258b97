"""Automatic metrics of the responses that humans rated, for `eva human import`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eva.cli.metric_choice import Choice, ScorerFolder, choose, scorer_folder
from eva.cli.response_files import ResponseFile, read_all
from eva.errors import InputError
from eva.human.correlation import order_systems
from eva.human.item_values import NEEDS_DIALOGUES
from eva.human.key import Key
from eva.metrics.catalogue import Metric
from eva.metrics.needs import HISTOGRAM, label_kinds
from eva.metrics.score import ScoreResult, score
from eva.metrics.selection import select
from eva.settings.evaluate_section import Evaluate


@dataclass(frozen=True)
class RatedFiles:
    """The response files of a study, in the order of the key, and the metrics to compute on them."""

    key: Key
    files: list[ResponseFile]
    choice: Choice
    folder: ScorerFolder
    settings: Evaluate

    def results(self) -> list[list[ScoreResult]]:
        """The results for each system: text metrics on the whole file, scorer metrics on rated responses."""
        labelled = [metric.name for metric in self.choice.chosen if label_kinds(metric.needs)]
        plain = [name for name in self.choice.metrics if name not in labelled]
        quick = self.settings.model_copy(update={"bootstrap": 0})  # their intervals are not shown
        parts = [[score(file.rows, plain, settings=quick)] if plain else [] for file in self.files]
        if labelled:
            for part, result in zip(parts, self._labelled(labelled, quick), strict=True):
                part.append(result)
        return parts

    def _labelled(self, metrics: Sequence[str], settings: Evaluate) -> list[ScoreResult]:
        from eva.scorers.trained import Scorers  # imports torch

        scorers = Scorers.below(self.folder.path)
        reference = scorers.reference() if HISTOGRAM in self.choice.needs else None
        rated = {(item.dialogue_id, item.turn) for item in self.key.items}
        return [
            score(
                [row for row in file.rows if row.key in rated],
                metrics,
                settings=settings,
                scorers=scorers,
                reference=reference,
            )
            for file in self.files
        ]


def rated_files(
    key: Key,
    responses: Sequence[Path],
    metrics: Sequence[str] | None,
    scorers: str | None,
    settings: Evaluate,
) -> RatedFiles:
    """Match `responses` with the systems of the study, and choose the metrics.

    Raises:
        InputError: the files are not those of the study, or a named metric cannot be computed.
    """
    files = read_all(responses, allow_empty=True)
    digests = [file.provenance()["sha256"] for file in files]
    order = order_systems(key, digests, [str(path) for path in responses])
    folder, wanted = scorer_folder(scorers), select(settings.metrics if metrics is None else metrics)
    fit, left_out = _fit(wanted, key, named=metrics is not None)
    choice = choose(fit, files, folder, only_possible=metrics is None)
    choice = Choice(choice.chosen, [*left_out, *choice.left_out])
    return RatedFiles(key, [files[i] for i in order], choice, folder, settings)


def _fit(wanted: Sequence[Metric], key: Key, *, named: bool) -> tuple[list[Metric], list[str]]:
    """The metrics for the rated items: if single turns were rated, none that needs whole dialogues.

    Returns them with a line for each family that is left out.
    """
    unfit = [metric for metric in wanted if metric.positional and label_kinds(metric.needs)]
    if key.whole_dialogues or not unfit:
        return list(wanted), []
    families = ", ".join(dict.fromkeys(metric.family for metric in unfit))
    if named:
        raise InputError(f"--metrics: {families} {NEEDS_DIALOGUES}")
    return [metric for metric in wanted if metric not in unfit], [f"{families}: {NEEDS_DIALOGUES}"]
