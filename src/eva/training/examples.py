"""Encodes dialogues and preference pairs as the token sequences that the trainers use.

Refuses, before a model is loaded, inputs that would make a training worthless without any error: no
supervised token, a supporter turn without supervision, a response that would be truncated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eva.artifacts import fingerprint
from eva.data.dialogue import Dialogue, Preference
from eva.errors import InputError, raise_if
from eva.models.chat import IGNORE, Window, encode_dialogue, encode_responses
from eva.settings.sft_section import LossWeighting
from eva.training.turn_weights import token_weights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LISTED = 5  # most problems of one kind in a message


@dataclass(frozen=True)
class Examples:
    """Token rows of one split with counts; `supervised` is the number of tokens with a loss."""

    rows: list[dict[str, Any]]
    sources: int
    tokens: int
    supervised: int

    @property
    def digest(self) -> str:
        """Digest of the rows' content and order."""
        return fingerprint(self.rows)

    def dataset(self) -> Any:
        """The rows as a `datasets.Dataset`."""
        from datasets import Dataset

        return Dataset.from_list(self.rows)


def dialogue_examples(
    tokenizer: "PreTrainedTokenizerBase",
    dialogues: Sequence[Dialogue],
    max_length: int,
    where: str,
    weighting: LossWeighting = "uniform",
) -> Examples:
    """Rows `{dialogue, input_ids, labels, weights, length}`: each dialogue once, in windows as it needs.

    Args:
        tokenizer: tokenizer of the start model, with its chat template.
        dialogues: dialogues with joined turns, which start with the user.
        max_length: largest number of tokens of a window.
        where: name of the split in messages.
        weighting: how supporter turns are weighted, see `sft.loss_weighting`.

    Raises:
        InputError: no dialogue, no supervised token, or a supporter turn without supervision.
    """
    problems = [] if dialogues else ["no dialogue; lower the corpus's filters or choose another corpus"]
    rows: list[dict[str, Any]] = []
    for dialogue in dialogues:
        try:
            windows = encode_dialogue(tokenizer, dialogue.messages(), max_length=max_length)
            rows.extend(_window_rows(dialogue.id, windows, weighting))
        except InputError as error:
            problems.append(f"dialogue {dialogue.id}: {error}")
            continue
        problems.extend(_lost_turns(dialogue, windows))
    raise_if(_shortened(problems), where)
    supervised = sum(label != IGNORE for row in rows for label in row["labels"])
    if supervised == 0:
        raise InputError(f"{where}: no supervised token in {len(dialogues)} dialogues; nothing to learn")
    return Examples(rows, len(dialogues), sum(row["length"] for row in rows), supervised)


def pair_examples(
    tokenizer: "PreTrainedTokenizerBase", pairs: Sequence[Preference], max_length: int, where: str
) -> Examples:
    """Rows `{dialogue, prompt_ids, chosen_ids, rejected_ids, length}`; both responses answer one prompt.

    If a history is too long, its oldest turns are removed; a response is never truncated. `supervised` counts
    the tokens of both responses, `length` is that of the longer sequence.

    Raises:
        InputError: no pair, or a pair whose response does not fit or whose responses are equal.
    """
    problems = [] if pairs else ["no preference pair; see the section `preferences` of params.yaml"]
    rows: list[dict[str, Any]] = []
    for pair in pairs:
        try:
            rows.append(_pair_row(tokenizer, pair, max_length))
        except InputError as error:
            problems.append(f"pair {pair.id}: {error}")
    raise_if(_shortened(problems), where)
    answers = sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in rows)
    return Examples(rows, len(pairs), answers + 2 * sum(len(row["prompt_ids"]) for row in rows), answers)


def _window_rows(
    dialogue: str, windows: Sequence[Window], weighting: LossWeighting
) -> Iterator[dict[str, Any]]:
    for window, weights in zip(windows, token_weights(weighting, windows), strict=True):
        yield {
            "dialogue": dialogue,
            "input_ids": window.input_ids,
            "labels": window.labels,
            "weights": weights,
            "length": len(window.input_ids),
        }


def _lost_turns(dialogue: Dialogue, windows: Sequence[Window]) -> list[str]:
    supervised = [turn for window in windows if window.n_supervised for turn in window.turns]
    expected = list(range(1, dialogue.n_supporter_turns + 1))
    if supervised == expected:
        return []
    return [f"dialogue {dialogue.id}: supporter turns {supervised} of {expected} are supervised"]


def _pair_row(tokenizer: "PreTrainedTokenizerBase", pair: Preference, max_length: int) -> dict[str, Any]:
    if not pair.history or pair.history[-1]["role"] != "user":
        raise InputError("its history does not end with the help-seeker; a response answers a user turn")
    windows = encode_responses(tokenizer, pair.history, [pair.chosen, pair.rejected], max_length=max_length)
    chosen, rejected = (_response(window) for window in windows)
    prompts = [w.input_ids[: len(w.input_ids) - w.n_supervised] for w in windows]
    if chosen == rejected:
        raise InputError("the chosen and the rejected response are the same text; remove the pair")
    if any(len(w.input_ids) == max_length for w in windows) and not _whole(tokenizer, pair, chosen, rejected):
        raise InputError(f"a response does not fit into {max_length} tokens; raise `max_length`")
    return {
        "dialogue": pair.dialogue_id,
        "prompt_ids": min(prompts, key=len),  # they differ only if a single user turn was truncated
        "chosen_ids": chosen,
        "rejected_ids": rejected,
        "length": max(len(w.input_ids) for w in windows),
    }


def _response(window: Window) -> list[int]:
    return [label for label in window.labels if label != IGNORE]


def _whole(
    tokenizer: "PreTrainedTokenizerBase", pair: Preference, chosen: list[int], rejected: list[int]
) -> bool:
    """Whether neither response was truncated."""
    uncut = encode_responses(tokenizer, pair.history[-1:], [pair.chosen, pair.rejected], max_length=1 << 30)
    return [_response(window) for window in uncut] == [chosen, rejected]


def _shortened(problems: list[str]) -> list[str]:
    rest = len(problems) - _LISTED
    return problems if rest <= 0 else [*problems[:_LISTED], f"and {rest} more of the same kind"]
