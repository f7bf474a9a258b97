"""Memory at the peak of trainings, beside what `eva fit` says: two sizes of model, SFT and DPO.

Every training runs in a process of its own, on the longest dialogues and on the pairs of the sample
corpus, under the settings of profile `laptop` (`--sft`, `--dpo`: with changes).

    python benchmarks/fit_memory.py
    python benchmarks/fit_memory.py --sft '{"extra": {"optim": "adafactor"}, "gradient_checkpointing": true}'
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from eva.compat.chatter import silence_libraries
from eva.data.evad import load_evad
from eva.data.prepare import prepare
from eva.fit.architecture import Architecture
from eva.fit.forecast import memory_of
from eva.fit.inputs import Inputs
from eva.fit.memory_needs import Sharding
from eva.fit.stage_cost import StageCost
from eva.fit.startup import begin_all
from eva.fit.training_costs import dpo_cost, sft_cost
from eva.preferences.recipes import build
from eva.record.records import peak_rss_mb
from eva.settings.params_file import Settings
from eva.settings.profiles import profile_settings
from eva.training import dpo, sft

_LONGEST = 4  # dialogues: one step has the longest batch
_SIZES = {
    "SmolLM2-135M": Architecture(30, 576, 1536, 9, 3, 64, 49152, True),
    "half of it": Architecture(12, 512, 1536, 8, 4, 64, 49152, True),
}
_NAME = "smollm2"  # of the row of profile `laptop`


def build_model(shape: Architecture, folder: Path) -> None:
    """A random Llama of that shape with EVA's tiny tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from eva.models.tiny import chatml_tokenizer

    config = LlamaConfig(
        vocab_size=shape.vocab, hidden_size=shape.hidden, intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim, tie_word_embeddings=shape.tied, max_position_embeddings=8192,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    chatml_tokenizer().save_pretrained(folder)


def settings_of(given: dict[str, Any]) -> Settings:
    """Profile `laptop` with changes of the two sections."""
    found = profile_settings(Path("profiles"), "laptop")
    changed = {
        name: type(getattr(found, name)).model_validate({**getattr(found, name).model_dump(), **given[name]})
        for name in ("sft", "dpo")
    }
    return found.model_copy(update=changed)


def train(stage: str, given: dict[str, Any], root: Path) -> None:
    """One training; prints the bytes of this process at its peak."""
    silence_libraries()
    settings, model = settings_of(given), root / "models" / "backbone" / _NAME
    inputs = Inputs(settings, Path.cwd())
    if stage == "sft":
        found = sorted(inputs.dialogues("esconv", "train") or [], key=lambda one: -len(str(one.turns)))
        out, store = root / "sft", root / "sft-store"
        sft.train(settings.sft, found[:_LONGEST], found[-1:], model, out, 1, store)
    else:
        corpus = prepare("esconv", settings.corpora["esconv"], settings.prepare)
        pairs = build(settings.preferences, corpus.everything, load_evad(settings.data.evad), None)
        targets = settings.backbones[_NAME].lora_targets
        dpo.train(settings.dpo, pairs.train, pairs.valid, model, root / "dpo", targets, 1, root / "dpo-store")
    print(round(peak_rss_mb() * 2**20))  # noqa: T201


def forecast(stage: str, settings: Settings, root: Path) -> StageCost:
    """What `eva fit` counts for the training."""
    inputs = Inputs(settings, root)

    def formats(precision: str, _: str) -> Any:
        from eva.devices import decide

        return decide(precision, stage).name  # type: ignore[arg-type]

    if stage == "sft":
        return sft_cost("sft", inputs, ("esconv", _NAME), formats, Sharding())
    return dpo_cost("dpo", inputs, _NAME, formats)


def measured(stage: str, given: dict[str, Any], root: Path) -> float:
    """Bytes at the peak of a process that trains."""
    words = [sys.executable, "-W", "ignore", __file__, "--child", stage, "--root", str(root)]
    words += [f"--{name}={json.dumps(given[name])}" for name in ("sft", "dpo")]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sft", type=json.loads, default={}, help="changes of section `sft`, as JSON")
    parser.add_argument("--dpo", type=json.loads, default={}, help="changes of section `dpo`, as JSON")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    given = vars(parser.parse_args())
    if given["child"]:
        train(given["child"], given, given["root"])
        return
    libraries = begin_all()
    sys.stdout.write("| model | stage | forecast, GB | real, GB | ratio |\n|---|---|---|---|---|\n")
    for name, shape in _SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "data").symlink_to(Path("data").resolve())
            build_model(shape, root / "models" / "backbone" / _NAME)
            for stage in ("sft", "dpo"):
                cost = forecast(stage, settings_of(given), root)
                told = memory_of(cost, libraries.__getitem__, one_memory=True)
                real = measured(stage, given, root)
                figures = f"{told / 1e9:.2f} | {real / 1e9:.2f} | {told / real:.2f}"
                sys.stdout.write(f"| {name}, {shape.parameters / 1e6:.0f} M | {stage} | {figures} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
