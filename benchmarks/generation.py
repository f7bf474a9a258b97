"""Responses to every supporter turn: our shared-prefix decoding against `model.generate`.

Both answer the same turns greedily in float32, one after the other on the same machine; the
baseline is `transformers`' generate on left-padded batches of similar length.

    python benchmarks/generation.py models/backbone/smollm2 data/prepared/esconv/test.jsonl -n 4
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch

from eva.artifacts import read_jsonl
from eva.data.dialogue import Dialogue, SupporterTurn, supporter_turns
from eva.generation.decode import generate, stop_ids
from eva.models.chat import encode_prompt
from eva.models.loading import load_policy, load_tokenizer
from eva.settings.generate_section import Generate


def with_transformers(
    policy: Any, tokenizer: Any, turns: list[SupporterTurn], settings: Generate
) -> list[str]:
    """The same responses by `model.generate`."""
    prompts = [encode_prompt(tokenizer, turn.history, max_length=settings.max_length) for turn in turns]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    texts = [""] * len(prompts)
    for start in range(0, len(order), settings.batch_size):
        part = order[start : start + settings.batch_size]
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


def main() -> None:
    """Run both ways and write their times and ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("dialogues", type=Path, help="prepared split, one dialogue a line")
    parser.add_argument("-n", type=int, default=4, help="dialogues to answer")
    parser.add_argument("--new-tokens", type=int, default=24)
    parser.add_argument("--batch-size", type=int, default=16)
    given = parser.parse_args()

    settings = Generate.model_construct(
        max_new_tokens=given.new_tokens,
        cot_max_new_tokens=given.new_tokens,
        temperature=0,
        top_p=1,
        repetition_penalty=1,
        batch_size=given.batch_size,
        max_length=1024,
        precision="fp32",
    )
    dialogues = [Dialogue.from_dict(row) for row in read_jsonl(given.dialogues)[: given.n]]
    turns = supporter_turns(dialogues)
    tokenizer, policy = load_tokenizer(given.model), load_policy(given.model, None)
    with torch.inference_mode():
        policy(torch.tensor([[1, 2, 3]]).to(policy.device))  # the first call sets up kernels

    start = time.perf_counter()
    ours = [r.response for r in generate(policy, tokenizer, turns, settings, "eva", 0)]
    middle = time.perf_counter()
    theirs = with_transformers(policy, tokenizer, turns, settings)
    end = time.perf_counter()
    equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
    lines = [
        f"{len(ours)} responses of {len(dialogues)} dialogues, {equal} with equal text",
        f"shared prefix   {middle - start:8.1f} s",
        f"transformers    {end - middle:8.1f} s",
        f"ratio           {(end - middle) / (middle - start):8.2f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
