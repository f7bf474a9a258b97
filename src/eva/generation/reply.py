"""One reply to one conversation, made as generation makes its responses: what a served model says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from eva.generation.branches import Trunk, decode_branches
from eva.generation.decode import branches, decoding_of
from eva.generation.decode_batches import decode_batches
from eva.generation.response import answer_text, part_answer
from eva.models.chat import encode_prompt
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, the thought before it (empty if there is none), how it ended, tokens read and written."""

    text: str
    thought: str
    finish: str
    read: int
    written: int


def reply(
    policy: Any,
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Mapping[str, str]],
    settings: Generate,
    prompt: str,
    seed: int,
    hear: Callable[[str], None] | None = None,
) -> Reply:
    """The next supporter turn after `messages`, which start and end with the user.

    The oldest turns are dropped where they exceed `settings.max_length` tokens. `hear` is called after each
    token with what is said so far, which is empty during a thought; an exception of it ends the decoding.
    """
    ids = encode_prompt(tokenizer, messages, prompt=prompt, max_length=settings.max_length)
    decoding = decoding_of(policy, tokenizer, settings, prompt)
    if hear is not None:
        decoding = replace(decoding, hear=_heard(tokenizer, prompt, hear))
    with torch.inference_mode():
        if branches(policy):
            found = decode_branches(policy, [Trunk(ids, [len(ids)], [seed], [0])], decoding, 1)
        else:
            found = decode_batches(policy, [ids], [seed], decoding, 1)
        ((_, written),) = found
    parts = part_answer(answer_text(tokenizer, written.ids), prompt, "stop" if written.ended else "length")
    return Reply(parts.response, parts.thought, parts.finish, len(ids), len(written.ids))


def _heard(
    tokenizer: "PreTrainedTokenizerBase", prompt: str, hear: Callable[[str], None]
) -> Callable[[int], None]:
    """Tells `hear` what the tokens so far say; with a chain of thought, that is known only at the end."""
    ids: list[int] = []

    def add(token: int) -> None:
        ids.append(token)
        thinking = prompt == "cot"
        hear("" if thinking else part_answer(answer_text(tokenizer, ids), prompt, "length").response)

    return add
