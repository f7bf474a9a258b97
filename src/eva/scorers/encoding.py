"""Tokenising responses and their contexts for an encoder, or for a causal model that is probed."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Text = str | tuple[str, str]  # a response, or (context, response)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One tokenised text; `response` marks the tokens that the classifier pools."""

    input_ids: list[int]
    token_type_ids: list[int]
    response: list[int]


def encode(tokenizer: Any, texts: Sequence[Text], max_length: int) -> list[Encoded]:
    """Tokenise `texts` to at most `max_length` tokens each.

    Where a text does not fit the oldest context is dropped first. A response loses its end only beyond
    three quarters of the room.
    """
    return [_encode_one(tokenizer, text, max_length) for text in texts]


def _encode_one(tokenizer: Any, text: Text, max_length: int) -> Encoded:
    parts = [text] if isinstance(text, str) else list(text)
    tokens, segment = _tokens(tokenizer, parts)
    last = len(parts) - 1
    response = [i for i, part in enumerate(segment) if part == last]
    context = [i for i, part in enumerate(segment) if part is not None and part != last]
    room = max_length - (len(segment) - len(context) - len(response))
    kept = min(len(response), max(room - len(context), room * 3 // 4 if context else room))
    cut = {*context[: max(0, len(context) + kept - room)], *response[kept:]}
    keep = [i for i in range(len(segment)) if i not in cut]
    types = tokens.get("token_type_ids", [0] * len(segment))
    return Encoded(
        [tokens["input_ids"][i] for i in keep],
        [types[i] for i in keep],
        [int(segment[i] == last) for i in keep],
    )


def _tokens(tokenizer: Any, parts: list[str]) -> tuple[dict[str, list[int]], list[int | None]]:
    """Tokens of `parts`, and the index of each token's part (None: a special token)."""
    read = functools.partial(
        tokenizer, verbose=False, split_special_tokens=True
    )  # special tokens in a text stay plain text
    if tokenizer.num_special_tokens_to_add(pair=len(parts) > 1):
        found = read(*parts)
        return found, found.sequence_ids()
    # A causal model's tokenizer adds no separator. Its first token attracts most attention (attention sink),
    # so it must not be a token of the response: its hidden state mostly encodes the length.
    found = read(*(f"{part}\n" for part in parts[:-1]), parts[-1])
    first = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    return {"input_ids": [first, *found["input_ids"]]}, [None, *found.sequence_ids()]


def by_length(rows: Sequence[Encoded], size: int) -> Iterator[list[int]]:
    """Indices of all `rows` in batches of texts of similar length, to reduce padding."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def collate(rows: Sequence[Encoded], tokenizer: Any, device: torch.device) -> dict[str, torch.Tensor]:
    """A padded batch [rows, longest] of the classifier's inputs."""

    def padded(lists: list[list[int]], value: int) -> torch.Tensor:
        tensors = [torch.tensor(one) for one in lists]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=value).to(device)

    ids = [row.input_ids for row in rows]
    batch = {
        "input_ids": padded(ids, tokenizer.pad_token_id),
        "attention_mask": padded([[1] * len(one) for one in ids], 0),
        "response_mask": padded([row.response for row in rows], 0),
    }
    if "token_type_ids" in tokenizer.model_input_names:
        batch["token_type_ids"] = padded([row.token_type_ids for row in rows], 0)
    return batch
