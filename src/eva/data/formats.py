"""The registry of corpus formats: each loader registers its name and its labels with `corpus_format`."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eva.data.dialogue import STRATEGY_LEVELS
from eva.data.utterances import Loaded
from eva.errors import InputError

Load = Callable[[Path], Loaded]


@dataclass(frozen=True)
class Format:
    """A corpus format.

    Attributes:
        name: its value of `corpora.<row>.format` in `params.yaml`.
        load: reads a folder of official files.
        emotions: every emotion that a dialogue may be labelled with.
        strategies: every strategy that an utterance may be labelled with; empty: the corpus has none.
        held_out: whether the corpus has valid and test splits.
    """

    name: str
    load: Load
    emotions: tuple[str, ...]
    strategies: tuple[str, ...] = ()
    held_out: bool = True


_FORMATS: dict[str, Format] = {}


def corpus_format(
    name: str, *, emotions: tuple[str, ...], strategies: tuple[str, ...] = (), held_out: bool = True
) -> Callable[[Load], Load]:
    """Decorator that registers a loader as a format; see `Format` for the arguments.

    Raises:
        ValueError: the name is already registered, or a strategy has no level in `STRATEGY_LEVELS`.
    """
    if unknown := sorted(set(strategies) - set(STRATEGY_LEVELS)):
        raise ValueError(f"corpus format {name!r}: strategies without a level: {', '.join(unknown)}")

    def register(load: Load) -> Load:
        if name in _FORMATS:
            raise ValueError(f"corpus format {name!r} is already read by {_FORMATS[name].load}")
        _FORMATS[name] = Format(name, load, emotions, strategies, held_out)
        return load

    return register


def registered() -> list[str]:
    """The names of all formats whose modules were imported."""
    return list(_FORMATS)


def format_named(name: str) -> Format:
    """The format of that name; if there is none, an `InputError` suggests the nearest."""
    if name not in _FORMATS:
        nearest = difflib.get_close_matches(name, _FORMATS, n=1, cutoff=0.0)
        raise InputError(
            f"{name!r} is not a corpus format. Nearest: {nearest[0]!r}. Known: {', '.join(_FORMATS)}."
        )
    return _FORMATS[name]
