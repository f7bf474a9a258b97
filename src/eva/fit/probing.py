"""Timing the real computation for a few seconds, with a model of the same shape and random weights.

Speed does not depend on the values of weights. Of a model with more than `_LARGEST` parameters only a few
layers and a smaller vocabulary are timed, because the FLOPs per second of a layer are those of the model.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import torch

from eva.devices import best_device
from eva.fit.architecture import Architecture
from eva.fit.room import busy
from eva.fit.work import Compute, Kind
from eva.training.attention import set_attention

_LARGEST = 3e8
_LARGEST_EMBEDDING = 1e8
_SECONDS = 3.0  # approximate limit of one timing
_CONTEXT = 128
_BRIEF = 32  # tokens of a first, short timing
_SHARED = 0.9  # n threads are as fast as n ** _SHARED single threads
_SCALE = 0.5  # standard deviation of the head's weights: logits vary as a trained model's do

Format = Literal["bf16", "fp32"]


def compute_rate(kind: Kind, model: Architecture, precision: Format, rows: int, length: int) -> float:
    """FLOPs per second of a forward pass, or of a training step without the optimizer's update."""
    small = _fewer(model)
    tried = _built(small, kind, precision)
    brief = _pass(tried, kind, small, precision, 1, min(length, _BRIEF))
    brief()
    rows, length = _affordable(rows, length, _seconds(brief))
    seconds = _seconds(_pass(tried, kind, small, precision, rows, length))
    tokens = rows * length
    return Compute(kind, small, tokens, tokens * length, tokens / 2, rows, length).flops / seconds


def decode_seconds(model: Architecture, precision: Format, rows: int) -> float:
    """Seconds of one step of EVA's decoder that adds a token to each of `rows` responses.

    The prompt is short, because reading the weights takes much longer than reading the cache.
    """
    from eva.generation.branches import Trunk, decode_branches
    from eva.generation.sampling import Decoding

    small = _fewer(model)
    tried = _built(small, "forward", precision, precision == "bf16")
    with torch.inference_mode():
        each = list(range(rows))
        trunk = Trunk(torch.randint(0, small.vocab, (_CONTEXT,)).tolist(), [_CONTEXT] * rows, each, each)

        def run(tokens: int) -> None:
            settings = Decoding(tokens, 0.7, 0.9, 1.1, frozenset())
            list(decode_branches(tried, [trunk], settings, rows))

        run(2)
        few, many = _seconds(lambda: run(2)), _seconds(lambda: run(10))
    return max(many - few, 1e-4) / 8 * model.parameters / small.parameters


def update_rate() -> float:
    """Parameters per second in a step of Adam."""
    weight = torch.nn.Parameter(torch.zeros(16_000_000, device=best_device()))
    weight.grad = torch.ones_like(weight)
    optimizer = torch.optim.AdamW([weight], fused=True)
    return weight.numel() / _timed(optimizer.step)


def regression_rate() -> float:
    """Cells (rows times columns) per second of a whole logistic regression."""
    from eva.scorers.regression import fit_layer

    rows, columns = 1000, 600
    generator = torch.Generator().manual_seed(0)
    features, target = torch.randn(rows, columns, generator=generator), torch.arange(rows) % 3
    layer = torch.nn.Linear(columns, 3)
    return rows * columns / _seconds(lambda: fit_layer(layer, features, target, torch.ones(3), 100.0))


def _fewer(model: Architecture) -> Architecture:
    vocab = min(model.vocab, int(_LARGEST_EMBEDDING // model.hidden))
    layers = max(1, min(model.layers, int((_LARGEST - vocab * model.hidden) // model.layer)))
    return replace(model, layers=layers, vocab=vocab)


def _built(model: Architecture, kind: Kind, precision: Format, whole: bool = False) -> Any:
    """A model of that shape; with `whole`, or for an adapter, its weights are in the given format."""
    built = _untouched(model)
    for parameter in built.parameters():
        parameter.grad = None
    if kind == "adapt":
        built = copy.deepcopy(built)
    if precision == "bf16" and (whole or kind == "adapt"):
        built = copy.deepcopy(built).bfloat16()
    if not model.encoder:
        set_attention(built, "auto")
    if kind == "adapt":
        built = _with_adapter(built)
    return built.to(best_device()).train(kind != "forward")


@lru_cache(maxsize=1)
def _untouched(model: Architecture) -> Any:
    """The model in float32 with random weights; cached, because creating it takes as long as a timing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _encoder(model) if model.encoder else _decoder(model)


def _decoder(model: Architecture) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=model.hidden,
        intermediate_size=model.intermediate,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        num_key_value_heads=model.kv_heads,
        head_dim=model.head_dim,
        vocab_size=model.vocab,
        tie_word_embeddings=model.tied,
        max_position_embeddings=8192,
    )
    built = LlamaForCausalLM(config)
    torch.nn.init.normal_(built.get_output_embeddings().weight, std=_SCALE)
    return built


def _encoder(model: Architecture) -> Any:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=model.hidden,
        intermediate_size=model.intermediate,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        vocab_size=model.vocab,
    )
    return BertModel(config, add_pooling_layer=False)


def _with_adapter(model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
    return get_peft_model(model, LoraConfig(r=8, target_modules=targets, task_type="CAUSAL_LM"))


def _affordable(rows: int, length: int, least: float) -> tuple[int, int]:
    """The batch size and length that fit into the time of a timing, if `_BRIEF` tokens take `least` seconds.

    Per token, a few hundred tokens are about three times as fast as a few, because weights are read once.
    """
    tokens = 3 * _SECONDS / max(least, 1e-4) * min(length, _BRIEF)
    length = max(min(length, 2 * _BRIEF), min(length, int(tokens)))
    return max(1, min(rows, int(tokens // length))), length


def _pass(
    model: Any, kind: Kind, shape: Architecture, precision: Format, rows: int, length: int
) -> Callable[[], None]:
    device = best_device()
    ids = torch.randint(0, shape.vocab, (rows, length), device=device)
    # Half of the tokens have a loss, which is about the supporter's share of a dialogue.
    extra = {} if shape.encoder else {"logits_to_keep": max(1, length // 2), "use_cache": False}
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")

    def forward() -> torch.Tensor:
        with autocast:
            out = model(input_ids=ids, **extra)
        found: torch.Tensor = out.last_hidden_state if shape.encoder else out.logits
        return found

    def read() -> None:
        with torch.inference_mode():
            forward()

    def learn() -> None:
        forward().float().square().mean().backward()  # type: ignore[no-untyped-call]

    return read if kind == "forward" else learn


def _timed(step: Callable[[], Any]) -> float:
    """Seconds of a step; if it is short, of a second run of it."""
    first = _seconds(step)
    return first if first > _SECONDS / 2 else _seconds(step)


def _seconds(step: Callable[[], Any]) -> float:
    """Seconds of a step on this machine without other load; if there is other load, from CPU time.

    CPU time is measured with one thread, because several would wait for each other, and divided by the
    assumed speed-up of all threads.
    """
    if torch.cuda.is_available():
        return _wall(step)
    threads = torch.get_num_threads()
    if not busy():
        return _wall(step)
    torch.set_num_threads(1)
    try:
        began = time.process_time()
        step()
        return float((time.process_time() - began) / threads**_SHARED)
    finally:
        torch.set_num_threads(threads)


def _wall(step: Callable[[], Any]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began
