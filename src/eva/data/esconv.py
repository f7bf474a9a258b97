"""Reading of ESConv (Liu et al., ACL 2021) in its official formats, and of its negative samples.

`ESConv.json` and `FailedESConv.json` are lists of dialogues; the released split files (`train.txt`,
`valid.txt`, `test.txt`) have one dialogue per line with other key names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, read_jsonl
from eva.data.dialogue import STRATEGY_LEVELS, Dialogue, Role
from eva.data.formats import corpus_format
from eva.data.splits import plan_splits
from eva.data.utterances import SPLITS, Loaded, Problems, Utterance, collapse, join, require_folder
from eva.errors import InputError

_SLICES = {
    "problem_type": "problem_type",
    "emotion_type": "emotion",
    "experience_type": "experience",
}


EMOTIONS = (
    *("anger", "anxiety", "depression", "disgust", "fear", "guilt", "jealousy", "nervousness"),
    *("pain", "sadness", "shame"),
)


@dataclass(frozen=True)
class _Schema:
    """The names that a format uses: for speakers, for the key of the text, and for the eight strategies."""

    corpus: str
    roles: Mapping[str, Role]
    text: str
    strategies: Mapping[str, str]


_EIGHT = {name: name for name in STRATEGY_LEVELS}
_UPSTREAM = _Schema("esconv", {"seeker": "user", "supporter": "assistant"}, "content", _EIGHT)
_RELEASED = replace(_UPSTREAM, roles={"usr": "user", "sys": "assistant"}, text="text")
_FAILED = _Schema(
    "failed_esconv",
    {"speaker": "user", "listener": "assistant"},
    "content",
    {
        **_EIGHT,
        "Questions": "Question",
        "Other": "Others",
        "Direct Guidance": "Providing Suggestions",
        "Approval and Reassurance": "Affirmation and Reassurance",
        "Restatement": "Restatement or Paraphrasing",
    },
)


@dataclass(frozen=True)
class _Parsed:
    dialogue: Dialogue
    n_utterances: int


@corpus_format("esconv", emotions=EMOTIONS, strategies=tuple(STRATEGY_LEVELS))
def load_esconv(folder: Path) -> Loaded:
    """Read ESConv from `folder`: `ESConv.json` (split by position) or the released split files.

    The position of a dialogue is its row in the official ESConv.json where that is known, else its row
    counted over all files; its id is `esconv-<position>`.

    Raises:
        InputError: the files are missing, or have faulty dialogues; all of a file are listed.
    """
    require_folder(folder, "ESConv.json, or train.txt, valid.txt and test.txt")
    if (folder / "ESConv.json").is_file():
        return _load_upstream(folder)
    if any((folder / f"{split}.txt").is_file() for split in SPLITS):
        return _load_released(folder)
    raise InputError(f"{folder}: has neither ESConv.json nor train.txt, valid.txt and test.txt")


@corpus_format("failed_esconv", emotions=EMOTIONS, strategies=tuple(STRATEGY_LEVELS), held_out=False)
def load_failed_esconv(folder: Path) -> Loaded:
    """Read `FailedESConv.json`; it has no official split, so all of it is `train`."""
    require_folder(folder, "FailedESConv.json")
    path = folder / "FailedESConv.json"
    parsed = _parse_all(enumerate(_json_list(path)), _FAILED, path)
    return _loaded({"train": parsed, "valid": [], "test": []})


def _load_upstream(folder: Path) -> Loaded:
    path = folder / "ESConv.json"
    rows = _json_list(path)
    plan = plan_splits(folder, len(rows))
    parsed = _parse_all(zip(plan.positions, rows, strict=True), _UPSTREAM, path)
    return _loaded({split: [parsed[row] for row in plan.rows[split]] for split in SPLITS})


def _load_released(folder: Path) -> Loaded:
    splits: dict[str, list[_Parsed]] = {}
    first = 0
    for split in SPLITS:
        path = folder / f"{split}.txt"
        rows = read_jsonl(path)
        splits[split] = _parse_all(enumerate(rows, start=first), _RELEASED, path)
        first += len(rows)
    return _loaded(splits)


def _json_list(path: Path) -> list[Any]:
    rows = read_json(path)
    if not isinstance(rows, list):
        raise InputError(f"{path}: should be a JSON list of dialogues, not {type(rows).__name__}")
    return rows


def _parse_all(rows: Iterable[tuple[int, Any]], schema: _Schema, path: Path) -> list[_Parsed]:
    """Parse (position, row) pairs; all problems of the file are raised together."""
    problems = Problems(path)
    parsed = [_dialogue(row, position, schema, problems) for position, row in rows]
    problems.refuse()
    return parsed


def _dialogue(row: Any, position: int, schema: _Schema, problems: Problems) -> _Parsed:
    identity = f"{schema.corpus}-{position}"
    dialog = row.get("dialog") if isinstance(row, dict) else None
    if not isinstance(dialog, list) or not dialog:
        problems.add(f"dialogue {position}", "has no list `dialog` of utterances")
        return _Parsed(Dialogue(identity, schema.corpus, position, ()), 0)
    said = [
        _utterance(item, f"dialogue {position}, turn {number}", schema, problems)
        for number, item in enumerate(dialog, start=1)
    ]
    slices = {ours: collapse(str(row[theirs])) for theirs, ours in _SLICES.items() if row.get(theirs)}
    return _Parsed(Dialogue(identity, schema.corpus, position, join(said), slices), len(said))


def _utterance(item: Any, where: str, schema: _Schema, problems: Problems) -> Utterance:
    if not isinstance(item, dict):
        problems.add(where, f"should be an object, not {type(item).__name__}")
        return Utterance("user", "")
    text, speaker = item.get(schema.text), item.get("speaker")
    if not isinstance(text, str) or not text.strip():
        problems.add(where, f"`{schema.text}` is empty or missing")
    role = schema.roles.get(str(speaker))
    if role is None:
        problems.add(where, f"unknown speaker {speaker!r}; known: {', '.join(schema.roles)}")
    strategy = _strategy(item, where, schema, problems) if role == "assistant" else None
    return Utterance(role or "user", collapse(str(text)), strategy)


def _strategy(item: dict[str, Any], where: str, schema: _Schema, problems: Problems) -> str | None:
    annotation = item.get("annotation")
    holder = annotation if isinstance(annotation, dict) else item
    given = holder.get("strategy")
    if given is None:
        return None
    known = schema.strategies.get(collapse(str(given)))
    if known is None:
        problems.add(where, f"unknown strategy {given!r}; known: {', '.join(schema.strategies)}")
    return known


def _loaded(splits: Mapping[str, list[_Parsed]]) -> Loaded:
    counts = {parsed.dialogue.id: parsed.n_utterances for rows in splits.values() for parsed in rows}
    return Loaded({split: [parsed.dialogue for parsed in rows] for split, rows in splits.items()}, counts)
