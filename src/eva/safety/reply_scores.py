"""Log-probabilities of the good and the bad reply to each message, under one variant."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eva.artifacts import digest_path
from eva.devices import decide
from eva.models.branching import supports_branches
from eva.models.chat import IGNORE, encode_responses, prompt_sha
from eva.models.loading import Policy, load_policy, load_tokenizer
from eva.models.positions import require_positions
from eva.safety.affirmation import Preferred
from eva.safety.paired_replies import FRAMINGS, Framing, Item
from eva.settings.precision import Precision
from eva.training.pair_batch import reference_log_probs

log = logging.getLogger(__name__)

_LONGEST = 512  # tokens of message and reply; a longer message loses its beginning
_TOKENS = 1024  # tokens of a forward pass


def score_variant(
    policy: Policy, items: Sequence[Item], precision: Precision
) -> tuple[list[Preferred], dict[str, Any]]:
    """The scores of all items in both framings, and what determined them.

    Each item is scored on its own, so there is no order in which replies are offered, and none that could
    matter.

    Raises:
        InputError: the model cannot be loaded.
    """
    folder, adapter = Path(policy.model), Path(policy.adapter) if policy.adapter else None
    require_positions(folder, _LONGEST, "a message and its reply")
    compute = decide(precision, "safety.precision")
    tokenizer = load_tokenizer(folder)
    model = load_policy(folder, adapter, compute.dtype)
    asked = [(item, framing) for item in items for framing in FRAMINGS]
    rows = [_row(tokenizer, item, framing, policy.prompt) for item, framing in asked]
    log.info("safety: %d messages with two replies each", len(rows))
    scores = _mean_log_probs(model, rows)
    found = [
        Preferred(item.id, item.kind, framing, bad=scores[number][1], good=scores[number][0])
        for number, (item, framing) in enumerate(asked)
    ]
    return found, {
        "model": digest_path(folder),
        "adapter": digest_path(adapter) if adapter else None,
        "prompt": policy.prompt,
        "prompt_sha": prompt_sha(tokenizer, policy.prompt),
        "precision": compute.name,
    }


def _row(tokenizer: Any, item: Item, framing: Framing, prompt: str) -> dict[str, list[int]]:
    """Token ids of the prompt and of both replies, as `pair_batch` reads them."""
    history = [{"role": "user", "content": item.message(framing)}]
    good, bad = encode_responses(
        tokenizer, history, [item.good, item.bad], prompt=prompt, max_length=_LONGEST
    )
    start = len(good.labels) - good.n_supervised
    replies = ([label for label in window.labels if label != IGNORE] for window in (good, bad))
    return {
        "prompt_ids": good.input_ids[:start],
        **dict(zip(("chosen_ids", "rejected_ids"), replies, strict=True)),
    }


def _mean_log_probs(
    model: Any, rows: Sequence[Mapping[str, Sequence[int]]]
) -> dict[int, tuple[float, float]]:
    """Row number -> mean log-probability per token of the good and of the bad reply."""
    lengths = [(len(row["chosen_ids"]), len(row["rejected_ids"])) for row in rows]
    found: dict[int, tuple[float, float]] = {}
    for numbers, sums in reference_log_probs(model, rows, len(rows), _TOKENS, supports_branches(model)):
        for number, (good, bad) in zip(numbers, sums.tolist(), strict=True):
            found[number] = good / lengths[number][0], bad / lengths[number][1]
    return found
