"""How much generation in float32 depends on the processor: the same prompts and seeds, other kernels.

oneDNN and ATen choose kernels by the instructions that a processor has; two environment switches make
them use those of AVX2. Sums are then taken in another order and differ in the last bits.

    python benchmarks/processors.py MODEL --dialogues 2
"""

import argparse
import json
import os
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

from eva.compat.chatter import silence_libraries
from eva.data.dialogue import subset, supporter_turns
from eva.data.prepare import prepare
from eva.settings.profiles import profile_settings

_AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


def generated(model: Path, dialogues: int) -> dict[str, Any]:
    """Words of every response, and logits after every token of the longest prompt."""
    import torch

    from eva.generation.decode import generate
    from eva.models.chat import encode_prompt
    from eva.models.loading import load_model, load_tokenizer

    silence_libraries()
    settings = profile_settings(Path("profiles"), "laptop")
    corpus = prepare("esconv", settings.corpora["esconv"], settings.prepare)
    turns = supporter_turns(subset(corpus.splits["test"], dialogues))
    tokenizer, policy = load_tokenizer(model), load_model(model)
    said = generate(policy, tokenizer, turns, settings.generate, "eva", 1)
    ids = max((encode_prompt(tokenizer, turn.history, max_length=1024) for turn in turns), key=len)
    with torch.inference_mode():
        logits = policy(input_ids=torch.tensor([ids])).logits[0]
    return {
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "words": [one.response.split() for one in said],
        "logits": logits[:, :200].double().tolist(),
    }


def in_a_process(model: Path, dialogues: int, switches: dict[str, str]) -> dict[str, Any]:
    """The same in a process of its own, which has these switches from its beginning."""
    words = [sys.executable, "-W", "ignore", __file__, str(model), "--dialogues", str(dialogues), "--child"]
    done = subprocess.run(
        words, env={**os.environ, **switches}, stdout=subprocess.PIPE, text=True, check=True
    )
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


def compare(one: dict[str, Any], other: dict[str, Any]) -> str:
    """How many responses differ, after how many equal words, and how far the logits are apart."""
    pairs = list(zip(one["words"], other["words"], strict=True))
    parted = [_same(a, b) for a, b in pairs if a != b]
    equal = sum(len(a) for a, b in pairs if a == b) + sum(parted)
    gaps = [
        abs(a - b)
        for x, y in zip(one["logits"], other["logits"], strict=True)
        for a, b in zip(x, y, strict=True)
    ]
    return (
        f"{one['kernels']} against {other['kernels']}: {len(parted)} of {len(pairs)} responses differ, "
        f"one for every {equal / max(1, len(parted)):.0f} equal words; logits differ by "
        f"{sum(gaps) / len(gaps):.1e} in the mean, {max(gaps):.1e} at most"
    )


def _same(one: list[str], other: list[str]) -> int:
    """Words before the first that differs."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def main() -> None:
    """Print one line: this processor's own kernels against AVX2's; and its own once more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path, help="a model folder, e.g. models/backbone/smollm2")
    parser.add_argument("--dialogues", type=int, default=2)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        sys.stdout.write(json.dumps(generated(given.model, given.dialogues)) + "\n")
        return
    own = in_a_process(given.model, given.dialogues, {})
    sys.stdout.write(compare(own, in_a_process(given.model, given.dialogues, _AVX2)) + "\n")
    sys.stdout.write(compare(own, in_a_process(given.model, given.dialogues, {})) + "\n")


if __name__ == "__main__":
    main()
