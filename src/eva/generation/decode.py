"""One response per supporter turn, given the gold history (the paper's setting for Tables 2 and 8)."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from eva.data.dialogue import SupporterTurn
from eva.data.responses import Response
from eva.data.thoughts import is_thought_mark
from eva.generation.branches import decode_branches
from eva.generation.decode_batches import decode_batches
from eva.generation.half_finished import Partial
from eva.generation.response import new_tokens, response_at, response_seed
from eva.generation.sampling import Decoding, Written
from eva.models.branching import share_trunks, supports_branches
from eva.models.chat import encode_prompt, end_of_turn
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Progress = Callable[[int, int], None]  # dialogues done, dialogues in all


def generate(
    policy: Any,
    tokenizer: "PreTrainedTokenizerBase",
    turns: Sequence[SupporterTurn],
    settings: Generate,
    prompt: str,
    seed: int,
    on_progress: Progress | None = None,
    *,
    partial: Partial | None = None,
) -> list[Response]:
    """Responses of `policy` at the given supporter turns, in order.

    What `partial` already holds is not generated again, and new responses go into it after each
    dialogue. A response depends on `seed`, its dialogue and its turn, not on what it is batched with.
    """
    found = dict(partial.done) if partial else {}
    dialogues = _by_dialogue(turns)
    for count, asked in enumerate(dialogues, start=1):
        missing = [turn for turn in asked if turn.key not in found]
        new = _respond_in(policy, tokenizer, missing, settings, prompt, seed)
        if partial is not None and new:
            partial.add(new)
        found.update({response.key: response for response in new})
        if on_progress is not None:
            on_progress(count, len(dialogues))
    return [found[turn.key] for turn in turns]


def stop_ids(policy: Any, tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Tokens that end a response: the template's end of turn, and the model's own end tokens."""
    configured = policy.generation_config.eos_token_id
    own = configured if isinstance(configured, list) else [configured]
    ids = {end_of_turn(tokenizer).id, tokenizer.eos_token_id, *own}
    return frozenset(int(i) for i in ids if i is not None)


def _by_dialogue(turns: Iterable[SupporterTurn]) -> list[list[SupporterTurn]]:
    """The turns of each dialogue, in order: their prompts begin alike and are decoded together."""
    groups: dict[str, dict[int, SupporterTurn]] = {}
    for turn in turns:
        groups.setdefault(turn.dialogue.id, {})[turn.ordinal] = turn
    return [[group[ordinal] for ordinal in sorted(group)] for group in groups.values()]


def _respond_in(
    policy: Any,
    tokenizer: "PreTrainedTokenizerBase",
    turns: Sequence[SupporterTurn],
    settings: Generate,
    prompt: str,
    seed: int,
) -> list[Response]:
    """Responses at the given supporter turns of one dialogue."""
    prompts = [
        encode_prompt(tokenizer, turn.history, prompt=prompt, max_length=settings.max_length)
        for turn in turns
    ]
    seeds = [response_seed(seed, turn) for turn in turns]
    decoding = _decoding(policy, tokenizer, settings, prompt)
    with torch.inference_mode():
        written = _decode(policy, prompts, seeds, decoding, settings.batch_size)
    return [
        response_at(turn, _text(tokenizer, one.ids), prompt, "stop" if one.ended else "length")
        for turn, one in zip(turns, written, strict=True)
    ]


def _decode(
    policy: Any,
    prompts: Sequence[list[int]],
    seeds: Sequence[int],
    decoding: Decoding,
    batch_size: int,
) -> list[Written]:
    """Prompts that continue one another share their reading; the rest go in plain batches.

    Those are prompts whose oldest turns were dropped to fit, all prompts of a tokenizer that joins
    tokens across turns, and all of a model with sliding windows.
    """
    written: dict[int, Written] = {}
    groups = share_trunks(prompts) if supports_branches(policy) else []
    for group in groups:
        if len(group) > 1:
            lengths, own = [len(prompts[i]) for i in group], [seeds[i] for i in group]
            grown = decode_branches(policy, prompts[group[0]], lengths, own, decoding, batch_size)
            written.update(zip(group, grown, strict=True))
    rest = [i for i in range(len(prompts)) if i not in written]
    alone = decode_batches(policy, [prompts[i] for i in rest], [seeds[i] for i in rest], decoding, batch_size)
    written.update(zip(rest, alone, strict=True))
    return [written[i] for i in range(len(prompts))]


def _decoding(policy: Any, tokenizer: "PreTrainedTokenizerBase", settings: Generate, prompt: str) -> Decoding:
    return Decoding(
        max_new_tokens=new_tokens(settings, prompt),
        temperature=settings.temperature,
        top_p=settings.top_p,
        repetition_penalty=settings.repetition_penalty,
        stop_ids=stop_ids(policy, tokenizer),
    )


def _text(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> str:
    """The text without special tokens, but with marks of thoughts, which are cut out after."""
    kept = [i for i in ids if i not in _silent_ids(tokenizer)]
    return str(tokenizer.decode(kept, skip_special_tokens=False)).strip()


@functools.lru_cache(maxsize=8)
def _silent_ids(tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Special tokens that are no part of a text; Magistral's marks of a thought are special, too."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(i for i, token in added if token.special and not is_thought_mark(token.content))
