"""Replies to conversations, made as generation makes its responses: what a served model says."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from eva.generation.continuous_batching import ContinuousBatch
from eva.generation.decode import branches, decoding_of
from eva.generation.decode_batches import decode_batches
from eva.generation.response import answer_text, part_answer
from eva.generation.sampling import Decoding, Written
from eva.models.chat import encode_prompt
from eva.settings.generate_section import Generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LOOK = 0.1  # seconds between two looks at whether a reply is still wanted while others are being written


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, the thought before it (empty if there is none), how it ended, tokens read and written."""

    text: str
    thought: str
    finish: str
    read: int
    written: int


class Replying:
    """A model that replies to conversations, to several at once where its responses can grow as branches."""

    def __init__(self, policy: Any, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._policy, self._tokenizer = policy, tokenizer
        self._together = ContinuousBatch(policy) if branches(policy) else None
        self._alone = threading.Lock()

    def reply(
        self,
        messages: Sequence[Mapping[str, str]],
        settings: Generate,
        prompt: str,
        seed: int,
        hear: Callable[[str], None] | None = None,
    ) -> Reply:
        """The next supporter turn after `messages`, which start and end with the user.

        The oldest turns are dropped where they exceed `settings.max_length` tokens. `hear` is called after
        each token, perhaps in another thread, with what is said so far, which is empty during a thought; an
        exception of it ends the decoding.
        """
        ids = encode_prompt(self._tokenizer, messages, prompt=prompt, max_length=settings.max_length)
        decoding = decoding_of(self._policy, self._tokenizer, settings, prompt)
        if hear is not None:
            decoding = replace(decoding, hear=_heard(self._tokenizer, prompt, hear))
        written = self._decode(ids, seed, decoding, hear)
        answer = answer_text(self._tokenizer, written.ids)
        parts = part_answer(answer, prompt, "stop" if written.ended else "length")
        return Reply(parts.response, parts.thought, parts.finish, len(ids), len(written.ids))

    def _decode(
        self, ids: list[int], seed: int, decoding: Decoding, hear: Callable[[str], None] | None
    ) -> Written:
        if self._together is not None:
            return self._together.decode(ids, seed, decoding)
        while not self._alone.acquire(timeout=_LOOK):
            if hear is not None:  # nothing is said yet; it may not want to wait any longer
                hear("")
        try:
            with torch.inference_mode():
                ((_, written),) = decode_batches(self._policy, [ids], [seed], decoding, 1)
        finally:
            self._alone.release()
        return written


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
