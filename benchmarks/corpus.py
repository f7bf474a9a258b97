"""The dialogues and pairs that the benchmarks work on."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eva.data.dialogue import Dialogue, Preference
from eva.data.prepare import prepare
from eva.models.backbones import materialise
from eva.models.chat import IGNORE, encode_dialogue
from eva.models.loading import load_tokenizer
from eva.settings.corpora_section import Corpus
from eva.settings.params_file import read_settings
from eva.settings.prepare_section import Prepare

MAX_LENGTH = 1024


@dataclass(frozen=True)
class Encoded:
    """A dialogue that fits the context, with its tokens and labels."""

    dialogue: Dialogue
    input_ids: list[int]
    labels: list[int]

    @property
    def prefixes(self) -> list[dict[str, list[int]]]:
        """The authors' rows: each ends with a supporter turn and supervises all turns so far."""
        after = [*self.labels[1:], IGNORE]
        ends = [i + 1 for i, label in enumerate(self.labels) if label != IGNORE == after[i]]
        return [{"input_ids": self.input_ids[:end], "labels": self.labels[:end]} for end in ends]

    @property
    def prefix_tokens(self) -> int:
        return sum(len(row["input_ids"]) for row in self.prefixes)


def model_folder(name: str = "smollm2") -> Path:
    """A backbone as its stage left it, or made now from the installed package."""
    made = Path("models/backbone") / name
    if not made.is_dir():
        made = Path(".eva/bench") / name
        if not made.is_dir():
            materialise(name, read_settings(Path("params.yaml")).backbones[name], made)
    return made


def encoded(folder: Path, model: Path) -> list[Encoded]:
    """The training dialogues of an ESConv folder that fit the context."""
    corpus = Corpus.model_validate({"format": "esconv", "path": str(folder), "min_dialogues": 2})
    dialogues = prepare("esconv", corpus, Prepare(keep_supporter_first=False)).splits["train"]
    tokenizer = load_tokenizer(model)
    found = []
    for dialogue in dialogues:
        windows = encode_dialogue(tokenizer, dialogue.messages(), max_length=MAX_LENGTH)
        if len(windows) == 1:
            found.append(Encoded(dialogue, windows[0].input_ids, windows[0].labels))
    return found


def typical(rows: Sequence[Encoded], number: int) -> list[Encoded]:
    """Dialogues of about median length whose prefixes cost about as much more as the whole corpus's do."""
    ratio = sum(row.prefix_tokens for row in rows) / sum(len(row.input_ids) for row in rows)
    by_length = sorted(rows, key=lambda row: len(row.input_ids))
    middle, width = len(rows) // 2, max(number, len(rows) // 20)
    near = by_length[max(0, middle - width) : middle + width]
    chosen = sorted(near, key=lambda row: abs(row.prefix_tokens / len(row.input_ids) - ratio))[:number]
    lengths = [len(row.input_ids) for row in chosen]
    sys.stderr.write(
        f"  {len(rows)} dialogues, prefixes hold {ratio:.2f} times the tokens; chosen: {lengths} tokens\n"
    )
    return chosen


def pairs(row: Encoded, others: Sequence[Encoded], every: int = 1) -> list[Preference]:
    """A pair at every `every`-th supporter turn: what was said there, against another dialogue's words."""
    said = [turn.gold.content for other in others for turn in other.dialogue.supporter_turns()]
    turns = list(row.dialogue.supporter_turns())
    found = [
        Preference(
            id=f"{row.dialogue.id}-{turn.ordinal}", dialogue_id=row.dialogue.id, turn=turn.ordinal,
            n_turns=turn.n_turns, history=tuple(turn.history), chosen=turn.gold.content,
            rejected=next(s for s in said[turn.ordinal * 7 :] if s != turn.gold.content),
        )
        for turn in turns[::every]
    ]  # fmt: skip
    return [replace(pair, id=f"{pair.id}-{i}") for i, pair in enumerate(found)]


def settings(**change: Any) -> dict[str, Any]:
    """A training section in fp32 that saves nothing."""
    return {
        "epochs": 1, "lr": 5e-5, "batch_size": 1, "accumulation": 1, "max_length": MAX_LENGTH, "warmup": 0.0,
        "precision": "fp32", "gradient_checkpointing": False, "save_steps": 10_000, **change,
    }  # fmt: skip
