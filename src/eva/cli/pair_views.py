"""Preference pairs for `eva data show --pairs`."""

from collections.abc import Sequence
from pathlib import Path

from eva.artifacts import read_jsonl
from eva.data.dialogue import Dialogue, Preference
from eva.errors import InputError


def show_pairs(
    folder: Path, number: int, train: Sequence[Dialogue], tokenizer: Path, max_length: int
) -> None:
    """Print the training pairs of a folder of the stage preferences, and one with its trained tokens."""
    from eva.data.show import pair_summary
    from eva.preferences.public import fitting_levels

    path = folder / "train.jsonl"
    if not path.is_file():
        raise InputError(f"--pairs {folder}: has no train.jsonl; `dvc repro preferences` writes it")
    pairs = [Preference.from_dict(row) for row in read_jsonl(path)]
    if number >= len(pairs):
        raise InputError(f"--pair {number}: {folder} has {len(pairs)} training pairs, numbered from 0")
    usable = [one for one in train if one.turns and one.turns[0].role == "user"]
    print(pair_summary(pairs, fitting_levels(usable)))
    if not tokenizer.is_dir():
        print(f"\n(no tokenizer in {tokenizer}: `dvc repro backbone@{tokenizer.name}` creates it)")
        return
    print("\n" + _rendered(pairs[number], tokenizer, max_length))


def _rendered(pair: Preference, folder: Path, max_length: int) -> str:
    from eva.data.show import rendered_example
    from eva.models.chat import encode_responses
    from eva.models.loading import load_tokenizer

    tokenizer = load_tokenizer(folder)
    windows = encode_responses(tokenizer, pair.history, (pair.chosen, pair.rejected), max_length=max_length)
    return "\n".join(
        f"{side}, {window.n_supervised} trained tokens of {len(window.input_ids)}\n"
        + rendered_example(window.input_ids, window.labels, tokenizer)
        for side, window in zip((f"{pair.id} chosen", f"{pair.id} rejected"), windows, strict=True)
    )
