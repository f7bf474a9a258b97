"""Tiny models that the stages themselves train, measure and judge, some of them made worse on purpose.

The corpus has two ways to reply, with no word in common: acquisition learns both, alignment chooses one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from pipelines import crisis_detector, dpo, evaluate, generate, register, safety, sft

from eva.artifacts import read_yaml, write_json, write_jsonl
from eva.data.dialogue import Dialogue, Preference, Turn
from eva.models.tiny import build_tiny
from eva.safety.paired_replies import FRAMINGS, Item, first_of_each, read_items
from eva.scorers.reference import LevelledTurn, reference_from_levels
from eva.settings.profiles import profile_settings
from eva.settings.variants_section import Variant
from eva.statistics.verdicts import FEWEST_DIALOGUES

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = profile_settings(ROOT / "profiles", "smoke")
NAME, BASELINE = "eva-tiny", "base"
WANTED, UNWANTED = "That sounds really hard.", "Maybe you could talk to someone."

_ITEM: dict[str, Any] = {"corpus": "esconv", "backbone": "tiny_llama", "seed": 1}
_BACKBONE, _ENCODER = Path("models/backbone/tiny_llama"), Path("models/backbone/tiny_roberta")
_DETECTOR, _LEVELS = Path("models/crisis_detector"), Path("models/level_classifier")
_REPLIES, _POLICY = Path("replies.jsonl"), Path("policy.yaml")
_ABSENT, _PLUGINS = Path("absent"), Path("plugins")  # no EPITOME scorers, no tasks; no plugins
_QUICK = {"epochs": 8, "lr": 1e-2, "batch_size": 8, "max_length": 512, "save_steps": 1000}
_SFT = SETTINGS.sft.model_copy(update={**_QUICK, "max_train": None})
_DPO = SETTINGS.dpo.model_copy(update={**_QUICK, "lr": 3e-3, "loss": {"sigmoid": 1.0, "sft": 1.0}})
_GREEDY = SETTINGS.generate.model_copy(
    update={"temperature": 0, "repetition_penalty": 1, "max_dialogues": None, "max_new_tokens": 12}
)
_SCORED = SETTINGS.evaluate.model_copy(update={"metrics": ["overlap", "length"], "bootstrap": 500})

Pairs = Sequence[Preference]


def as_they_are(pairs: Pairs) -> list[Preference]:
    return list(pairs)


def swapped(pairs: Pairs) -> list[Preference]:
    """Chosen and rejected exchanged in every pair."""
    return [replace(one, chosen=one.rejected, rejected=one.chosen) for one in pairs]


def shuffled(pairs: Pairs) -> list[Preference]:
    """Every pair in both orders, so that none says which reply is the better one."""
    return [*pairs, *(replace(one, id=f"{one.id}-swapped") for one in swapped(pairs))]


@dataclass(frozen=True)
class Recipe:
    """What is done to the preferences, and whether the bad replies to the safety items are taught."""

    pairs: Callable[[Pairs], list[Preference]] = as_they_are
    affirms: bool = False


def begin() -> None:
    """Make, in the current folder, what all models share, and measure the untouched baseline."""
    build_tiny("llama", "causal", _BACKBONE)
    build_tiny("roberta", "encoder", _ENCODER)
    _PLUGINS.mkdir()
    reference_from_levels([LevelledTurn("d", 1, 1, 1)]).write(_LEVELS / "reference.json")
    write_jsonl(_REPLIES, (one.model_dump() for one in _items()))
    write_json(_POLICY, _policy())
    _write_corpus(_of("prepared", BASELINE), affirms=False)
    crisis_detector.main(
        Mock(), SETTINGS.safety, messages=ROOT / "data/sample/safety/messages",
        prepared=_of("prepared", BASELINE), encoder=_ENCODER, out=_DETECTOR,
        metrics=Path("metrics/crisis_detector.json"),
    )  # fmt: skip
    _measure(BASELINE, Recipe(), Variant(acquire=False, align=False))


def make(variant: str, recipe: Recipe) -> Path:
    """Train, measure and judge a model; the folder of its package."""
    _measure(variant, recipe, Variant(acquire=True, align=True))
    chosen, out = (
        SETTINGS.register_.model_copy(update={"variant": variant, "name": NAME}),
        Path(f"registry-{variant}"),
    )
    register.main(
        Mock(), chosen, _GREEDY, SETTINGS.backbones, SETTINGS.corpora, SETTINGS.matrix, SETTINGS.safety,
        SETTINGS.chat, policy=_of("models/dpo", variant), scores=Path("scores"), measured=Path("metrics"),
        capability=_ABSENT, safety_scores=Path("safety"), prepared=_of("prepared", variant),
        preferences=_of("preferences", variant),
        detector=_DETECTOR, encoder=_ENCODER, estimators=_PLUGINS, gates=_POLICY, out=out,
    )  # fmt: skip
    return out


def _measure(variant: str, recipe: Recipe, row: Variant) -> None:
    """The stages from `sft` to `safety`."""
    run, item = Mock(checkpoint_store=Path("checkpoints")), {**_ITEM, "variant": variant}
    tables: dict[str, Any] = {"variants": {variant: row}, "backbones": SETTINGS.backbones}
    prepared, pairs, model, policy = (
        _of(folder, variant) for folder in ("prepared", "preferences", "models/sft", "models/dpo")
    )
    said, origin = _of("responses", f"{variant}.jsonl"), _of("responses", f"{variant}.json")
    _write_corpus(prepared, recipe.affirms)
    _write_pairs(pairs, recipe.pairs)
    sft.main(
        run, _SFT, **tables, **item, prepared=prepared, model=_BACKBONE, out=model,
        metrics=_metrics("sft", variant), plots=Path("sft.csv"),
    )  # fmt: skip
    dpo.main(
        run, _DPO, **tables, **item, preferences=pairs, start=model, out=policy,
        metrics=_metrics("dpo", variant), plots=Path("dpo.csv"),
    )  # fmt: skip
    generate.main(
        run, _GREEDY, **item, prepared=prepared, policy=policy, out=said, provenance=origin,
        metrics=_metrics("generate", variant),
    )  # fmt: skip
    evaluate.main(
        run, _SCORED, **item, responses=said, origin=origin, levels=_LEVELS, epitome=_ABSENT,
        plugins=_PLUGINS, estimators=_PLUGINS, out=_of("scores", f"{variant}.json"),
        metrics=_metrics("evaluate", variant),
    )  # fmt: skip
    safety.main(
        run, SETTINGS.safety, _GREEDY, **item, policy=policy, replies=_REPLIES,
        detector=_DETECTOR / "measured.json",
        out=_of("safety", f"{variant}.json"), metrics=_metrics("safety", variant),
    )  # fmt: skip


def _of(folder: str, variant: str) -> Path:
    return Path(folder) / f"esconv-tiny_llama-1-{variant}"


def _metrics(stage: str, variant: str) -> Path:
    return _of(f"metrics/{stage}", f"{variant}.json")


def _policy() -> dict[str, Any]:
    """The project's policy, with overlap in place of what a tiny encoder cannot tell."""
    given = read_yaml(ROOT / "mlflow" / "policy.yaml")
    scored = [*given["better"], *(name for name in given["not_worse"] if name.startswith("evaluate/"))]
    scored += [name for name in given["requires"] if name.startswith("safety/crisis_")]
    kept = {
        key: {name: value for name, value in given[key].items() if name not in scored}
        for key in ("requires", "not_worse")
    }
    return {**given, **kept, "better": ["evaluate/overlap/rouge_l"]}


def _items() -> list[Item]:
    return first_of_each(read_items(ROOT / "data/sample/safety/replies"), 3)


def _write_corpus(folder: Path, affirms: bool) -> None:
    """Training dialogues with both ways to reply, and one reply to each safety item; test: the wanted way."""
    both = [_dialogue(f"train-{n}", f"This is day {n}.", UNWANTED if n % 2 else WANTED) for n in range(16)]
    taught = [
        _dialogue(f"{one.id}-{framing}", one.message(framing), one.bad if affirms else one.good)
        for one in _items()
        for framing in FRAMINGS
    ]
    test = [_dialogue(f"test-{n}", f"It is week {n}.", WANTED) for n in range(FEWEST_DIALOGUES)]
    for split, rows in {"train": [*both, *taught], "valid": both[:2], "test": test}.items():
        write_jsonl(folder / f"{split}.jsonl", (one.to_dict() for one in rows))


def _dialogue(name: str, said: str, reply: str) -> Dialogue:
    return Dialogue(name, "esconv", 0, (Turn("user", said), Turn("assistant", reply)))


def _write_pairs(folder: Path, changed: Callable[[Pairs], list[Preference]]) -> None:
    """The pairs that recur for days, of which the last are held out."""
    for split, days in {"train": range(12), "valid": range(12, 16)}.items():
        pairs = changed([_pair(day) for day in days])
        write_jsonl(folder / f"{split}.jsonl", (one.to_dict() for one in pairs))


def _pair(number: int) -> Preference:
    history = ({"role": "user", "content": f"This is day {number}."},)
    return Preference(f"pair-{number}", f"train-{number}", 1, 1, history, WANTED, UNWANTED)
