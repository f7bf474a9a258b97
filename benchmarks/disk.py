"""Bytes on disk per trained parameter, measured on a small model, and what a profile needs by them.

Trains a random Llama of a few million parameters and watches the checkpoint store while it does. The
figures per parameter do not depend on the size, so they hold for 7 billion as well.

    python benchmarks/disk.py
    python benchmarks/disk.py --deepspeed infra/deepspeed/zero3.json
    python benchmarks/disk.py --profile paper
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eva.compat.chatter import silence_libraries
from eva.data.dialogue import Dialogue, Preference, Turn
from eva.fit.architecture import Architecture, from_config, known_models
from eva.fit.inputs import Inputs
from eva.fit.items import costs
from eva.settings.dpo_section import Dpo
from eva.settings.profiles import profile_settings
from eva.settings.sft_section import Sft
from eva.training import dpo, sft

_SHARED = {
    "epochs": 3, "lr": 1e-3, "batch_size": 1, "accumulation": 1, "max_length": 256, "warmup": 0.0,
    "precision": "fp32", "gradient_checkpointing": False, "save_steps": 2,
}  # fmt: skip
_ADAPTER = {"beta": 0.1, "r": 8, "alpha": 16, "dropout": 0.0}
_SHAPE = "mistralai/Mistral-7B-Instruct-v0.2"
_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj"]


@dataclass(frozen=True)
class Use:
    """Bytes: the most while it trained, what the store holds afterwards, and the result alone."""

    peak: int
    stored: int
    result: int


def folder_bytes(folder: Path) -> int:
    """Bytes that a folder takes; a file with two names counts once."""
    sizes = {}
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:  # deleted while we look
            continue
        sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def watch(folder: Path, train: Callable[[], object]) -> int:
    """The most bytes that `folder` takes while `train` runs."""
    peak, done = 0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, folder_bytes(folder))
            time.sleep(0.005)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        train()
    finally:
        done.set()
        thread.join()
    return peak


def build_model(folder: Path, hidden: int, layers: int) -> int:
    """A random Llama with our tiny tokenizer; returns its parameters."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from eva.models.loading import load_tokenizer
    from eva.models.tiny import build_tiny

    build_tiny("llama", "causal", folder)
    tokenizer = load_tokenizer(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=3 * hidden, num_hidden_layers=layers,
        num_attention_heads=8, num_key_value_heads=2, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    return int(model.num_parameters())


def measure_sft(model: Path, work: Path, launch: dict[str, Any]) -> Use:
    """One acquisition, watched."""
    talks = [_dialogue(number) for number in range(4)]
    settings = Sft.model_validate({**_SHARED, **launch})
    out, store = work / "sft", work / "sft-store"
    peak = watch(store, lambda: sft.train(settings, talks, talks[:1], model, out, 1, store))
    return Use(peak, folder_bytes(store), folder_bytes(out))


def measure_dpo(model: Path, work: Path) -> Use:
    """One alignment, watched."""
    pairs = [_pair(number) for number in range(4)]
    settings = Dpo.model_validate({**_SHARED, **_ADAPTER})
    out, store = work / "dpo", work / "dpo-store"
    peak = watch(store, lambda: dpo.train(settings, pairs, pairs[:1], model, out, _TARGETS, 1, store))
    return Use(peak, folder_bytes(store), folder_bytes(out))


def _dialogue(number: int) -> Dialogue:
    turns = (Turn("user", f"I had day {number}."), Turn("assistant", f"Was it hard, day {number}?"))
    return Dialogue(f"d{number}", "toy", number, turns)


def _pair(number: int) -> Preference:
    history = tuple(_dialogue(number).messages(1))
    return Preference(f"p{number}", f"d{number}", 1, 1, history, f"It was a day, {number}.", "No.")


class Alike(Inputs):
    """Every causal backbone in one shape, so that a profile can be counted whose models nobody knows."""

    def architecture(self, backbone: str) -> Architecture | None:
        if self.settings.backbones[backbone].role == "encoder":
            return super().architecture(backbone)
        return from_config(known_models()[_SHAPE])


def profile_table(name: str) -> str:
    """What a profile's models need by `eva fit`, each backbone as large as Mistral 7B."""
    settings = profile_settings(Path("profiles"), name)
    planned = costs(Alike(settings, Path.cwd()), lambda *_: "bf16", Path.cwd())
    rows = []
    for stage in dict.fromkeys(cost.stage for cost in planned):
        own = [cost for cost in planned if cost.stage == stage and cost.lasting]
        if own:
            passing = max(cost.passing for cost in own)
            rows.append((stage, len(own), sum(cost.lasting for cost in own), passing))
    lines = [f"| {name} | {n} | {a / 1e9:,.0f} | {b / 1e9:,.0f} |" for name, n, a, b in rows]
    lines.append(
        f"| together | | {sum(row[2] for row in rows) / 1e9:,.0f} | {max(r[3] for r in rows) / 1e9:,.0f} |"
    )
    return "\n".join(
        ["| stage | items | GB that stay | GB besides while one runs |", "|---|---|---|---|", *lines]
    )


def main() -> None:
    """Measure, or compute for a profile."""
    silence_libraries()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--deepspeed", type=Path, help="DeepSpeed file: trains on two processes")
    parser.add_argument("--profile", help="compute for a profile instead of measuring")
    given = parser.parse_args()
    if given.profile:
        sys.stdout.write(profile_table(given.profile) + "\n")
        return
    launch = {"launcher": "torchrun", "processes": 2, "deepspeed": given.deepspeed} if given.deepspeed else {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        parameters = build_model(work / "model", hidden=512, layers=6)
        acquired = measure_sft(work / "model", work, launch)
        aligned = measure_dpo(work / "model", work)
    adapter = aligned.result / 4
    lines = [f"{parameters / 1e6:.1f} million parameters, {adapter / 1e6:.2f} million in the adapter"]
    lines += ["| stage | while it trains | in the store afterwards | result |", "|---|---|---|---|"]
    for name, use, n in (("sft", acquired, parameters), ("dpo, per adapter parameter", aligned, adapter)):
        lines.append(f"| {name} | {use.peak / n:.1f} | {use.stored / n:.1f} | {use.result / n:.1f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
