"""Checks that `sft` and `dpo` can start, and have enough steps and context to learn."""

from collections.abc import Iterator, Mapping

from eva.data.evad import load_evad
from eva.data.utterances import Loaded
from eva.errors import InputError
from eva.models.prompts import system_prompt
from eva.settings.data_section import Data
from eva.settings.dpo_section import Dpo
from eva.settings.generate_section import Generate
from eva.settings.matrix_section import Matrix
from eva.settings.preferences_section import Preferences
from eva.settings.sft_section import Sft
from eva.settings.training_section import Training
from eva.settings.variants_section import Variant
from eva.training.readiness import training_problems
from eva.training.trl_extra import Stage


def _sft(sft: Sft, matrix: Matrix, loaded: Mapping[str, Loaded]) -> Iterator[str]:
    counts = [len(loaded[name].splits["train"]) for name in matrix.corpora if name in loaded]
    bounds = [*counts, *([sft.max_train] if sft.max_train else [])]
    yield from _problems("sft", sft, min(bounds, default=None))


def _dpo(dpo: Dpo, preferences: Preferences, data: Data) -> Iterator[str]:
    """Problems of `dpo` for the largest possible number of pairs; fewer pairs give fewer steps."""
    bounds = [preferences.max_pairs] if preferences.max_pairs else []
    if preferences.from_file and data.evad.is_file():  # else it is reported as missing
        try:
            bounds.append(len(load_evad(data.evad)))
        except InputError as error:
            yield from (f"`data.evad` is {data.evad}: {problem}" for problem in error.problems[:3])
    yield from _problems("dpo", dpo, min(bounds, default=None))


def _problems(stage: Stage, settings: Training, examples: int | None) -> Iterator[str]:
    for problem in training_problems(stage, settings, examples):
        key, _, why = problem.partition(":")
        yield f"`{stage}.{key}`:{why}"


def _held_out(matrix: Matrix, loaded: Mapping[str, Loaded]) -> Iterator[str]:
    for name in matrix.corpora:
        splits = loaded[name].splits if name in loaded else {}
        empty = [split for split, dialogues in splits.items() if not dialogues]
        if empty:
            yield (
                f"`matrix.corpora` names {name}, which has no dialogue in {', '.join(empty)}, but training "
                "needs `valid` and evaluation needs `test`; remove it from `matrix.corpora` (its row in "
                "`corpora` may stay)"
            )


def _room(sft: Sft, dpo: Dpo, generate: Generate, variants: Mapping[str, Variant]) -> Iterator[str]:
    """Problems of a `max_length` that the system prompt fills; it has at least as many tokens as words."""
    sections = {"sft": sft.max_length, "dpo": dpo.max_length, "generate": generate.max_length}
    for prompt in sorted({row.prompt for row in variants.values()}):
        words = len(system_prompt(prompt).split())
        for section, room in sections.items():
            if room <= words and (prompt == "eva" or section == "generate"):
                yield (
                    f"`{section}.max_length` is {room}, but the prompt `{prompt}` alone has {words} words, "
                    "so no dialogue would fit; raise it"
                )


TRAINING_CHECKS = (_sft, _dpo, _held_out, _room)
