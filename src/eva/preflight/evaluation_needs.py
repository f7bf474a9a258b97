"""Checks that the metrics, weak levels and capability tasks that the settings name are available."""

from collections.abc import Iterator, Mapping

from eva.capability.lm_eval_tasks import known_tasks
from eva.data.utterances import Loaded
from eva.metrics.selection import select
from eva.models.endpoint import base_url
from eva.preflight.refusals import refusals
from eva.settings.capability_section import Capability
from eva.settings.epitome_section import Epitome
from eva.settings.evaluate_section import Evaluate
from eva.settings.level_classifier_section import LevelClassifier
from eva.settings.preferences_section import Preferences
from eva.settings.safety_section import Safety

_NO_STRATEGY = "whose supporter turns have no strategy, so there are no weak levels"


def _metrics(evaluate: Evaluate, epitome: Epitome) -> Iterator[str]:
    unknown = refusals("evaluate.metrics", evaluate.metrics, lambda: select(evaluate.metrics))
    yield from unknown
    chosen = [] if unknown else select(evaluate.metrics)
    wanted = {metric.name.partition("/")[2] for metric in chosen if metric.family == "epitome"}
    missing = sorted(wanted - set(epitome.mechanisms))
    if missing:
        yield (
            f"`evaluate.metrics` asks for EPITOME's {', '.join(missing)}, but `epitome.mechanisms` "
            f"{epitome.mechanisms} trains no scorer for them: add them there, or list single metrics such as "
            "epitome/ip"
        )


def _weak_levels(
    level_classifier: LevelClassifier, preferences: Preferences, loaded: Mapping[str, Loaded]
) -> Iterator[str]:
    bare = {name for name, corpus in loaded.items() if not _has_strategies(corpus)}
    if level_classifier.labels == "strategies" and level_classifier.corpus in bare:
        yield (
            f"`level_classifier.corpus` is {level_classifier.corpus}, {_NO_STRATEGY}: choose a corpus with "
            "strategies (ESConv), or set `level_classifier.labels: file`"
        )
    if preferences.recipe == "public" and preferences.corpus in bare:
        yield (
            f"`preferences.corpus` is {preferences.corpus}, {_NO_STRATEGY}: choose a corpus with strategies "
            "(ESConv), or set `preferences.recipe: evad`"
        )


def _has_strategies(corpus: Loaded) -> bool:
    return any(
        turn.strategies for dialogues in corpus.splits.values() for one in dialogues for turn in one.turns
    )


def _tasks(capability: Capability) -> Iterator[str]:
    if capability.tasks and capability.task_path.is_dir():
        asked = capability.tasks
        yield from refusals("capability.tasks", asked, lambda: known_tasks(asked, capability.task_path))


def _judge(safety: Safety) -> Iterator[str]:
    if safety.judge is not None:
        yield from refusals("safety.judge", safety.judge.model, base_url)


EVALUATION_CHECKS = (_metrics, _weak_levels, _tasks, _judge)
