"""Has the model seen the test split? Looked up in what it was trained on, not in what a stage says of it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from eva.artifacts import fingerprint, read_jsonl
from eva.data.dialogue import Dialogue, Preference
from eva.data.prepare import read_split
from eva.registry.gate_decision import Check

_TRAINED = ("train", "valid")
_TELLING = 5  # messages; shorter histories, such as two greetings, are alike by chance


def leak_check(prepared: Path, preferences: Path) -> Check:
    """Whether a training dialogue or a preference pair is one of the test split, by id or by its text.

    Args:
        prepared: the folder of the corpus that was trained and tested on.
        preferences: the folder of the pairs that the model was aligned on.
    """
    test = read_split(prepared, "test")
    trained = [one for split in _TRAINED for one in read_split(prepared, split)]
    rows = (row for split in _TRAINED for row in read_jsonl(preferences / f"{split}.jsonl"))
    pairs = [Preference.from_dict(row) for row in rows]
    found = sorted({*_seen(test, trained), *_paired(test, pairs)})
    said = f"no test dialogue is among {len(trained)} trained ones and {len(pairs)} preference pairs"
    if found:
        said = f"of the test split, {len(found)} dialogues were trained on: {', '.join(found[:5])}"
    return Check("no leak from the test split", not found, said)


def _seen(test: Sequence[Dialogue], trained: Iterable[Dialogue]) -> Iterator[str]:
    ids, texts = {one.id for one in test}, {_text(one.messages()): one.id for one in test}
    for one in trained:
        if one.id in ids:
            yield one.id
        if (text := _text(one.messages())) in texts:
            yield texts[text]


def _paired(test: Sequence[Dialogue], pairs: Iterable[Preference]) -> Iterator[str]:
    """Test dialogues of which a pair has the history, or the id."""
    ids = {one.id for one in test}
    openings = {
        _text(turn.dialogue.messages(turn.index)): one.id for one in test for turn in one.supporter_turns()
    }
    for pair in pairs:
        if pair.dialogue_id in ids:
            yield pair.dialogue_id
        if len(pair.history) >= _TELLING and (text := _text(pair.history)) in openings:
            yield openings[text]


def _text(messages: Iterable[object]) -> str:
    return fingerprint(list(messages))
