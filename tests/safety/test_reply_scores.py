"""A reply's score is what it has alone after its message, whatever else is scored with it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from eva.models.chat import IGNORE, encode_responses
from eva.models.loading import Policy, load_model, load_tokenizer
from eva.models.tiny import build_tiny
from eva.safety.paired_replies import Item, read_items
from eva.safety.reply_scores import score_variant


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny_llama"
    build_tiny("llama", "causal", folder)
    return folder


def alone(model: Any, tokenizer: Any, message: str, reply: str) -> float:
    """The mean over the reply's tokens of a plain forward pass."""
    (window,) = encode_responses(
        tokenizer, [{"role": "user", "content": message}], [reply], prompt="eva", max_length=512
    )
    ids, labels = torch.tensor([window.input_ids]), torch.tensor(window.labels[1:])
    with torch.inference_mode():
        logits = model(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
    own = labels != IGNORE
    return float(logits[own].gather(1, labels[own, None]).mean())


def test_scores_are_those_of_each_reply_alone(tiny: Path, sample: Path) -> None:
    items: list[Item] = read_items(sample / "safety" / "replies")[:3]
    found, origin = score_variant(Policy(str(tiny), None, "eva", None), items, "fp32")
    assert [(one.id, one.framing) for one in found] == [
        (item.id, framing) for item in items for framing in ("neutral", "sad")
    ]
    model, tokenizer = load_model(tiny), load_tokenizer(tiny)
    texts = {(item.id, framing): item for item in items for framing in ("neutral", "sad")}
    for one in found:
        item = texts[one.id, one.framing]
        message = item.message(one.framing)
        assert one.bad == pytest.approx(alone(model, tokenizer, message, item.bad), abs=1e-4)
        assert one.good == pytest.approx(alone(model, tokenizer, message, item.good), abs=1e-4)
    assert origin["adapter"] is None and origin["precision"] == "fp32"
