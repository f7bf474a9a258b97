"""Sharing one forward pass among prompts that are prefixes of one another.

The prompt of each supporter turn of a dialogue is a prefix of the next one. With an attention mask that
shows each response only its own prefix, one forward pass over the longest prompt serves all of them.
"""

from collections.abc import Sequence
from typing import Any


def supports_branches(model: Any) -> bool:
    """Whether every layer attends to the whole context; a sliding window would hide part of the prefix."""
    config = model.config
    if getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", None):
        return False
    layers = getattr(config, "layer_types", None) or ["full_attention"]
    return all(layer == "full_attention" for layer in layers)


def share_trunks(prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Group prompts (token ids) so that in each group all are prefixes of the first.

    Returns the indices of the prompts in each group, the longest prompt first.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(prompts)), key=lambda i: -len(prompts[i])):
        prompt = prompts[index]
        home = next((g for g in groups if prompts[g[0]][: len(prompt)] == prompt), None)
        if home is None:
            groups.append([index])
        else:
            home.append(index)
    return groups
