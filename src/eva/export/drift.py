"""How far an exported model is from the served one, measured by running it.

Both read the same conversations. The served model writes a reply to each, greedily; at every token of it
the exported model is asked what it expects next, given the same tokens before. So a first difference
does not make all that follows differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from eva.errors import InputError
from eva.export.formats import Format
from eva.export.gguf_export import WEIGHTS
from eva.export.llama_cpp import LlamaCpp
from eva.export.positions import Position, divergence, whole
from eva.export.source import Source
from eva.generation.decode import stop_ids
from eva.models.chat import encode_prompt
from eva.models.loading import load_model, load_policy, load_tokenizer

Logs = np.ndarray[Any, Any]
TOKENS = 24  # of each reply
_CONVERSATIONS = (
    ("I lost my job today.",),
    ("My best friend moved away and I feel alone.",),
    ("I failed my exam again. I studied for 3 months!", "That must hurt.", "I think I am just not smart."),
    ("My mother is ill, and I cannot sleep.",),
    ("Hi.", "Hello! What is on your mind?", "I had a fight with my sister about money."),
    ("People at work laugh about me.", "How long has this been going on?", "Since 2019, I think."),
    ("I'm so angry at my boss, he doesn't listen.",),
    ("We broke up.", "I am sorry. How are you?", "Numb.", "That makes sense.", "Will it ever stop?"),
)


class Runner(Protocol):
    """Something that runs an exported model; `name` says what."""

    name: str

    def positions(self, prompt: Sequence[int], reply: Sequence[int]) -> Iterator[Position]: ...


@dataclass(frozen=True)
class Drift:
    """What was found.

    Attributes:
        runner: what ran the exported model.
        tokens: how many tokens were compared.
        equal: share of those that the exported model would have written, too.
        kl: KL divergence from the served model, in nats, mean over the tokens.
        kl_max: the largest of them.
        prompts: how many conversations the runner renders and tokenises as EVA does; None where EVA does it.
        conversations: how many there are.
    """

    runner: str
    tokens: int
    equal: float
    kl: float
    kl_max: float
    prompts: int | None
    conversations: int


def measure(source: Source, form: Format, folder: Path) -> Drift:
    """Compare the export in `folder` with the served model."""
    prompts, replies = _served(source)
    runner = _runner(source, form, folder, max(map(len, prompts)) + TOKENS)
    equal, apart = [], []
    for ids, (reply, logs) in zip(prompts, replies, strict=True):
        for token, expected, found in zip(reply, logs, runner.positions(ids, reply), strict=True):
            equal.append(found.likeliest == token)
            apart.append(divergence(expected, found))
    alike = _alike(runner, prompts) if isinstance(runner, LlamaCpp) else None
    shares = float(np.mean(equal)), float(np.mean(apart)), float(np.max(apart))
    return Drift(runner.name, len(equal), *shares, alike, len(prompts))


def require_runner(form: Format) -> None:
    """Raise `InputError` if what runs an export is not installed."""
    needed = "xllamacpp" if form is Format.gguf else "peft"
    if find_spec(needed) is None:
        raise InputError(
            f"--measure: {needed}, which runs the export, is not installed; `pip install "
            "'eva-mlops[export]'` installs it, as `make setup` does; or leave --measure out"
        )


def _served(source: Source) -> "tuple[list[list[int]], list[tuple[list[int], list[Logs]]]]":
    """The prompts, and the served model's greedy reply to each with its log-probabilities."""
    policy = load_policy(source.model, source.adapter, "float32")
    tokenizer = load_tokenizer(source.model)
    prompts = [
        encode_prompt(
            tokenizer, _messages(turns), prompt=source.prompt, max_length=source.decoding.max_length
        )
        for turns in _CONVERSATIONS
    ]
    stops = stop_ids(policy, tokenizer)
    return prompts, [_greedy(policy, ids, stops) for ids in prompts]


def _greedy(policy: Any, prompt: Sequence[int], stops: frozenset[int]) -> "tuple[list[int], list[Logs]]":
    reply: list[int] = []
    logs: list[Logs] = []
    while len(reply) < TOKENS and not (reply and reply[-1] in stops):
        logs += _logs(policy, [*prompt, *reply], 1)
        reply.append(int(np.argmax(logs[-1])))
    return reply, logs


def _logs(policy: Any, ids: Sequence[int], last: int) -> list[Logs]:
    """Log-probabilities of the token after each of the `last` ones of `ids`."""
    import torch

    with torch.inference_mode():
        given = torch.tensor([list(ids)], device=policy.device)
        scores = policy(input_ids=given, logits_to_keep=last).logits[0]
        return list(torch.log_softmax(scores.double(), dim=-1).cpu().numpy())


class _Transformers:
    """An export in Hugging Face layout, as transformers (and PEFT) load it, the adapter not merged."""

    def __init__(self, model: Any, name: str) -> None:
        self._model, self.name = model, name

    def positions(self, prompt: Sequence[int], reply: Sequence[int]) -> Iterator[Position]:
        return map(whole, _logs(self._model, [*prompt, *reply[:-1]], len(reply)))


def _runner(source: Source, form: Format, folder: Path, context: int) -> Runner:
    if form is Format.gguf:
        return LlamaCpp(folder / WEIGHTS, context)
    if form is Format.merged:
        return _Transformers(load_model(folder), f"transformers {version('transformers')}, float32")
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(load_model(source.model), folder).eval()
    return _Transformers(adapted, f"peft {version('peft')}, float32, not merged")


def _alike(runner: LlamaCpp, prompts: Sequence[list[int]]) -> int:
    pairs = zip(_CONVERSATIONS, prompts, strict=True)
    return sum(runner.tokens(_messages(turns)) == ids for turns, ids in pairs)


def _messages(turns: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"role": "assistant" if number % 2 else "user", "content": text} for number, text in enumerate(turns)
    ]
