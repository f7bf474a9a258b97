"""Prompts that are prefixes of one another, and the models that can read them once for all.

The prompts of a dialogue's supporter turns continue one another. Under a mask that shows each
response its own prefix only, one reading of the longest prompt serves all of them.
"""

from collections.abc import Sequence
from typing import Any


def supports_branches(model: Any) -> bool:
    """Whether every layer sees the whole context (a sliding window would hide the prefix)."""
    config = model.config
    if getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", None):
        return False
    layers = getattr(config, "layer_types", None) or ["full_attention"]
    return all(layer == "full_attention" for layer in layers)


def share_trunks(prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Group prompts so that in each group all are prefixes of the first; returns their indices."""
    groups: list[list[int]] = []
    for index in sorted(range(len(prompts)), key=lambda i: -len(prompts[i])):
        prompt = prompts[index]
        home = next((g for g in groups if prompts[g[0]][: len(prompt)] == prompt), None)
        if home is None:
            groups.append([index])
        else:
            home.append(index)
    return groups
