"""One response per supporter turn, given the gold history (the paper's setting for Tables 2 and 8)."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from eva.data.dialogue import Dialogue
from eva.generation.branches import decode_branches, share_trunks, supports_branches
from eva.generation.decode_batches import decode_batches
from eva.generation.response import Partial, Response, report_odd, response_at, response_seed
from eva.generation.sampling import Decoding
from eva.models.chat import encode_prompt, end_of_turn
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Progress = Callable[[int, int], None]  # dialogues done, dialogues in all


def generate(
    policy: Any,
    tokenizer: "PreTrainedTokenizerBase",
    dialogues: Sequence[Dialogue],
    settings: Generate,
    prompt: str,
    seed: int,
    on_progress: Progress | None = None,
    *,
    turns: Mapping[str, Collection[int]] | None = None,
    partial: Partial | None = None,
) -> list[Response]:
    """Responses of `policy` at every supporter turn of `dialogues`, in order.

    `turns` picks supporter turns (from 1) by dialogue id; a dialogue it lacks is left out. What
    `partial` already holds is not generated again, and new responses go into it after each
    dialogue. A response depends on `seed`, its dialogue and its turn, not on what it is batched with.
    """
    responses: list[Response] = []
    done = partial.done if partial else {}
    for count, dialogue in enumerate(dialogues, start=1):
        wanted = set(_wanted(dialogue, turns))
        missing = [turn for turn in sorted(wanted) if (dialogue.id, turn) not in done]
        new = _respond_in(policy, tokenizer, dialogue, missing, settings, prompt, seed)
        if partial is not None and new:
            partial.add(new)
        found = {response.turn: response for response in new}
        responses += [found.get(turn) or done[dialogue.id, turn] for turn in sorted(wanted)]
        if on_progress is not None:
            on_progress(count, len(dialogues))
    report_odd(responses, prompt)
    return responses


def stop_ids(policy: Any, tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Tokens that end a response: the template's end of turn, and the model's own end tokens."""
    configured = policy.generation_config.eos_token_id
    own = configured if isinstance(configured, list) else [configured]
    ids = {end_of_turn(tokenizer).id, tokenizer.eos_token_id, *own}
    return frozenset(int(i) for i in ids if i is not None)


def _wanted(dialogue: Dialogue, turns: Mapping[str, Collection[int]] | None) -> Iterator[int]:
    chosen = None if turns is None else turns.get(dialogue.id, ())
    for ordinal, _, _ in dialogue.supporter_turns():
        if chosen is None or ordinal in chosen:
            yield ordinal


def _respond_in(
    policy: Any,
    tokenizer: "PreTrainedTokenizerBase",
    dialogue: Dialogue,
    turns: Collection[int],
    settings: Generate,
    prompt: str,
    seed: int,
) -> list[Response]:
    """Responses at the given supporter turns of one dialogue."""
    places = [(n, index) for n, index, _ in dialogue.supporter_turns() if n in turns]
    prompts = [
        encode_prompt(tokenizer, dialogue.messages(index), prompt=prompt, max_length=settings.max_length)
        for _, index in places
    ]
    seeds = [response_seed(seed, dialogue.id, turn) for turn, _ in places]
    decoding = _decoding(policy, tokenizer, settings, prompt)
    with torch.inference_mode():
        written = _decode(policy, prompts, seeds, decoding, settings.batch_size)
    return [
        response_at((dialogue, turn, index), _text(tokenizer, ids), prompt)
        for (turn, index), ids in zip(places, written, strict=True)
    ]


def _decode(
    policy: Any,
    prompts: Sequence[list[int]],
    seeds: Sequence[int],
    decoding: Decoding,
    batch_size: int,
) -> list[list[int]]:
    """Prompts that continue one another share their reading; the rest go in plain batches.

    Those are prompts whose oldest turns were dropped to fit, all prompts of a tokenizer that joins
    tokens across turns, and all of a model with sliding windows.
    """
    written: dict[int, list[int]] = {}
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
        max_new_tokens=settings.cot_max_new_tokens if prompt == "cot" else settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        repetition_penalty=settings.repetition_penalty,
        stop_ids=stop_ids(policy, tokenizer),
    )


def _text(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True)).strip()
