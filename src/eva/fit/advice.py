"""Finding settings that fit into the memory, if the given ones do not."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from eva.settings.params_file import Settings

_SHORTEST = 256
Fits = Callable[[Settings], bool]


def settings_that_fit(stage: str, settings: Settings, fits: Fits) -> str | None:
    """The smallest change of a stage's section that fits, as text (`sft.batch_size: 4`); None if none does.

    The number of sequences per update does not change: a smaller batch comes with more accumulation.
    """
    section: Any = getattr(settings, stage, None)
    for changes in _changes(stage, section):
        changed = settings.model_copy(update={stage: section.model_copy(update=changes)})
        if fits(changed):
            return ", ".join(f"{stage}.{key}: {str(value).lower()}" for key, value in changes.items())
    return None


def _changes(stage: str, section: Any) -> Iterator[dict[str, Any]]:
    if stage not in {"sft", "dpo", "generate", "level_classifier"}:
        return
    training = stage in {"sft", "dpo"}
    checkpointing = [False, True] if training and not section.gradient_checkpointing else [False]
    lengths = list(_halved(section.max_length, _SHORTEST))
    trees = stage == "dpo" and section.trainer == "tree"
    sizes = _halved(section.tree_tokens, section.max_length) if trees else _halved(section.batch_size, 1)
    for length, more, size in product(lengths, checkpointing, list(sizes)):
        changes: dict[str, Any] = {}
        if trees and size != section.tree_tokens:
            changes["tree_tokens"] = size
        if not trees and size != section.batch_size:
            changes["batch_size"] = size
            if training:
                changes["accumulation"] = section.accumulation * section.batch_size // size
        if more:
            changes["gradient_checkpointing"] = True
        if length != section.max_length:
            changes["max_length"] = length
        if changes:
            yield changes


def _halved(value: int, least: int) -> Iterator[int]:
    yield value
    while value // 2 >= least:
        value //= 2
        yield value
