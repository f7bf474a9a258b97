"""One reply to one conversation, made as generation makes its responses: what a served model says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
) -> Reply:
    """The next supporter turn after `messages`, which start and end with the user.

    The oldest turns are dropped where they exceed `settings.max_length` tokens.
    """
    ids = encode_prompt(tokenizer, messages, prompt=prompt, max_length=settings.max_length)
    decoding = decoding_of(policy, tokenizer, settings, prompt)
    with torch.inference_mode():
        if branches(policy):
            found = decode_branches(policy, [Trunk(ids, [len(ids)], [seed], [0])], decoding, 1)
        else:
            found = decode_batches(policy, [ids], [seed], decoding, 1)
        ((_, written),) = found
    parts = part_answer(answer_text(tokenizer, written.ids), prompt, "stop" if written.ended else "length")
    return Reply(parts.response, parts.thought, parts.finish, len(ids), len(written.ids))
