"""A response to every supporter turn: shared-prefix decoding against `model.generate`, greedily in fp32."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.timing import Row, in_turn, ratios

from eva.data.dialogue import Dialogue, SupporterTurn, supporter_turns
from eva.generation.decode import generate, stop_ids
from eva.models.chat import encode_prompt
from eva.models.loading import load_policy, load_tokenizer
from eva.settings.generate_section import Generate

_BASELINES = {"generate, one turn at a time": (1, 6, 10), "generate, length-sorted batches": (16, 2, 4)}


def compare(model: Path, dialogues: Sequence[Dialogue], rounds: int, new_tokens: int) -> list[Row]:
    """The same turns by both ways and by `generate`; a row for each baseline."""
    settings = Generate(
        max_new_tokens=new_tokens, cot_max_new_tokens=new_tokens, temperature=0, top_p=1,
        repetition_penalty=1, batch_size=16, max_length=1024, precision="fp32",
    )  # fmt: skip
    turns = supporter_turns(dialogues)
    tokenizer, policy = load_tokenizer(model), load_policy(model, None)
    answers: dict[str, list[str]] = {}

    def ours() -> None:
        found = generate(policy, tokenizer, turns, settings, "eva", 0)
        answers["EVA"] = [response.response for response in found]

    def theirs(name: str, size: int) -> None:
        answers[name] = with_transformers(policy, tokenizer, turns, settings, size)

    policy(torch.tensor([[1, 2, 3]]).to(policy.device))  # the first call sets up kernels
    ways = {"EVA": ours, **{n: lambda n=n, s=s: theirs(n, s) for n, (s, _, _) in _BASELINES.items()}}
    seconds = in_turn(ways, rounds)
    found = []
    for name, (_, least, aim) in _BASELINES.items():
        row = Row(f"generation, against {name}", "fp32", least, aim)
        row.seconds = {"EVA": seconds["EVA"], name: seconds[name]}
        row.ratio = ratios(seconds["EVA"], seconds[name])
        equal = sum(a == b for a, b in zip(answers["EVA"], answers[name], strict=True))
        written = sum(len(tokenizer(text).input_ids) for text in answers["EVA"])
        row.note = f"{len(turns)} responses, {written} tokens written, {equal} texts equal"
        row.tokens = _read(tokenizer, turns, settings, name)
        found.append(row)
    return found


def _read(tokenizer: Any, turns: Sequence[SupporterTurn], settings: Generate, name: str) -> dict[str, int]:
    """Tokens of the prompts as each way reads them: each dialogue's longest once, or all."""
    longest: dict[str, int] = {}
    total = 0
    for turn in turns:
        length = len(encode_prompt(tokenizer, turn.history, max_length=settings.max_length))
        longest[turn.dialogue.id] = max(longest.get(turn.dialogue.id, 0), length)
        total += length
    return {"EVA": sum(longest.values()), name: total}


def with_transformers(
    policy: Any, tokenizer: Any, turns: Sequence[SupporterTurn], settings: Generate, size: int
) -> list[str]:
    """The same responses by `model.generate` on left-padded batches of `size` prompts of similar length."""
    prompts = [encode_prompt(tokenizer, turn.history, max_length=settings.max_length) for turn in turns]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    texts = [""] * len(prompts)
    for start in range(0, len(order), size):
        part = order[start : start + size]
        batch = tokenizer.pad(
            {"input_ids": [prompts[i] for i in part]}, padding_side="left", return_tensors="pt"
        )
        out = policy.generate(
            **batch.to(policy.device),
            do_sample=False,
            repetition_penalty=settings.repetition_penalty,
            max_new_tokens=settings.max_new_tokens,
            eos_token_id=list(stop_ids(policy, tokenizer)),
            pad_token_id=tokenizer.pad_token_id,
        )
        new = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        for i, text in zip(part, new, strict=True):
            texts[i] = text.strip()
    return texts
