"""Generating one response per supporter turn, given the human history (as for the paper's Tables 2 and 8)."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from eva.compat.transformers_hooks import takes_attention
from eva.data.dialogue import SupporterTurn
from eva.data.responses import Response
from eva.generation.branches import Trunk, decode_branches
from eva.generation.decode_batches import decode_batches
from eva.generation.half_finished import Partial
from eva.generation.response import answer_text, new_tokens, response_at, response_seed
from eva.generation.sampling import Decoding
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
    """The responses of the model `policy` to the given supporter turns, in order.

    A response depends on `seed`, its dialogue and its turn, not on the batch it is decoded in.

    Args:
        policy: the model, ready to generate.
        tokenizer: its tokenizer.
        turns: the supporter turns to respond to.
        settings: section `generate`.
        prompt: name of the system prompt (`eva` or `cot`).
        seed: seed of sampling.
        on_progress: called after each dialogue with the numbers of finished dialogues and of all.
        partial: responses already on disk, which are not generated again; new ones are added as soon as
            those of a whole dialogue are complete.
    """
    found = dict(partial.done) if partial else {}
    missing = list({turn.key: turn for turn in turns if turn.key not in found}.values())
    dialogues = len({turn.dialogue.id for turn in turns})
    open_turns = Counter(turn.dialogue.id for turn in missing)
    done = dialogues - len(open_turns)
    new: dict[str, list[Response]] = {name: [] for name in open_turns}
    for response in _respond(policy, tokenizer, missing, settings, prompt, seed):
        own = new[response.dialogue_id]
        own.append(response)
        found[response.key] = response
        if len(own) < open_turns[response.dialogue_id]:
            continue
        if partial is not None:
            partial.add(sorted(own, key=lambda one: one.turn))
        done += 1
        if on_progress is not None:
            on_progress(done, dialogues)
    return [found[turn.key] for turn in turns]


def stop_ids(policy: Any, tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """The ids of tokens that end a response: the template's end of turn, and the model's own end tokens."""
    configured = policy.generation_config.eos_token_id
    own = configured if isinstance(configured, list) else [configured]
    ids = {end_of_turn(tokenizer).id, tokenizer.eos_token_id, *own}
    return frozenset(int(i) for i in ids if i is not None)


def branches(policy: Any) -> bool:
    """Whether the responses of a policy can grow as branches, see `eva.generation.branches`."""
    return supports_branches(policy) and takes_attention(policy)


def _respond(
    policy: Any,
    tokenizer: "PreTrainedTokenizerBase",
    turns: Sequence[SupporterTurn],
    settings: Generate,
    prompt: str,
    seed: int,
) -> Iterator[Response]:
    """The responses to the given supporter turns, each as soon as it ends."""
    prompts = [
        encode_prompt(tokenizer, turn.history, prompt=prompt, max_length=settings.max_length)
        for turn in turns
    ]
    seeds = [response_seed(seed, turn) for turn in turns]
    decoding = decoding_of(policy, tokenizer, settings, prompt)
    with torch.inference_mode():
        if branches(policy):
            groups = _groups(turns, prompts)
            trunks = [_trunk(group, prompts, seeds) for group in groups]
            written = decode_branches(policy, trunks, decoding, settings.batch_size)
        else:
            written = decode_batches(policy, prompts, seeds, decoding, settings.batch_size)
        for number, one in written:
            finish = "stop" if one.ended else "length"
            yield response_at(turns[number], answer_text(tokenizer, one.ids), prompt, finish)


def _groups(turns: Sequence[SupporterTurn], prompts: Sequence[list[int]]) -> Iterator[list[int]]:
    """Groups of turns (indices) of one dialogue whose prompts are prefixes of the group's first prompt."""
    dialogues: dict[str, list[int]] = {}
    for number, turn in enumerate(turns):
        dialogues.setdefault(turn.dialogue.id, []).append(number)
    for own in dialogues.values():
        for group in share_trunks([prompts[number] for number in own]):
            yield [own[i] for i in group]


def _trunk(group: list[int], prompts: Sequence[list[int]], seeds: Sequence[int]) -> Trunk:
    lengths = [len(prompts[number]) for number in group]
    return Trunk(prompts[group[0]], lengths, [seeds[number] for number in group], group)


def decoding_of(
    policy: Any, tokenizer: "PreTrainedTokenizerBase", settings: Generate, prompt: str
) -> Decoding:
    """The settings of a prompt, with the tokens that end this policy's responses."""
    return Decoding(
        max_new_tokens=new_tokens(settings, prompt),
        temperature=settings.temperature,
        top_p=settings.top_p,
        repetition_penalty=settings.repetition_penalty,
        stop_ids=stop_ids(policy, tokenizer),
    )
