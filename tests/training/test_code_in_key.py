"""A stored training comes back only while the code that made it would make the same."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eva import code_digest
from eva.artifacts import fingerprint
from eva.training import dpo as alignment
from eva.training import examples
from eva.training import sft as acquisition

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Change one place of a copy of the package, which is then the one that is digested."""
    copies = iter(range(99))

    def change(file: str, before: str, after: str) -> None:
        copy = tmp_path / f"package-{next(copies)}"
        shutil.copytree(code_digest.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        text = (copy / file).read_text()
        assert before in text, f"{file} has no {before!r} any more"
        (copy / file).write_text(text.replace(before, after, 1))
        monkeypatch.setattr(code_digest, "PACKAGE", copy)

    return change


@pytest.fixture
def keys(tiny: Path, dialogues: Any, pairs: Any, sft: Any, dpo: Any) -> Callable[[], tuple[str, str]]:
    """The names of an acquisition and of an alignment in the store."""

    def planned() -> tuple[str, str]:
        acquired = acquisition.plan(sft, dialogues[:6], dialogues[6:], tiny, 1)
        aligned = alignment.plan(dpo, pairs[:6], pairs[6:], tiny, ["q_proj"], 1)
        return fingerprint(acquired.inputs), fingerprint(aligned.inputs)

    return planned


@pytest.mark.parametrize(
    ("file", "before", "after", "changed"),
    [
        ("training/preference_loss.py", "1 / (2 * beta)", "1 / beta", (False, True)),
        ("training/sft_trainer.py", '"float32"', '"bfloat16"', (True, False)),
        ("training/length_groups.py", "<< 20", "<< 21", (True, True)),
        ("compat/trl_hooks.py", "use_cache=False", "use_cache=True", (True, True)),
        ("training/dpo_trainer.py", "\n\n", "\n\n# the same in other words\n", (False, False)),
        ("report/page.py", "\nfrom ", "\nCHANGED = 1\nfrom ", (False, False)),
    ],
    ids=["loss", "precision", "order", "head", "comment", "elsewhere"],
)
def test_a_change_of_code_is_another_training(
    edit: Edit, keys: Any, file: str, before: str, after: str, changed: tuple[bool, bool]
) -> None:
    old = keys()
    edit(file, before, after)
    assert tuple(a != b for a, b in zip(old, keys(), strict=True)) == changed


def test_a_change_of_the_mask_is_another_training(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the mask code makes counts, not its text: the token rows are in the key."""
    old = keys()
    encode = examples.encode_dialogue

    def without_end(*given: Any, **named: Any) -> Any:
        windows = encode(*given, **named)
        for window in windows:
            last = max(i for i, label in enumerate(window.labels) if label != examples.IGNORE)
            window.labels[last] = examples.IGNORE
        return windows

    monkeypatch.setattr(examples, "encode_dialogue", without_end)
    assert keys()[0] != old[0] and keys()[1] == old[1]


def test_the_precision_in_use_is_in_the_key(keys: Any, monkeypatch: pytest.MonkeyPatch, sft: Any) -> None:
    from eva import devices
    from eva.training import readiness

    old = keys()
    monkeypatch.setattr(readiness, "decide", lambda given, where: devices.Decision("bf16", "a test"))
    assert all(a != b for a, b in zip(old, keys(), strict=True))
    # `fp32` by hand is what `auto` decides where bfloat16 is slow: one and the same training.
    monkeypatch.setattr(readiness, "decide", lambda given, where: devices.Decision("fp32", "measured"))
    assert keys() == old


@pytest.mark.slow
def test_nothing_old_comes_back_after_a_change_and_all_of_it_after_a_comment(
    edit: Edit, tiny: Path, pairs: Any, dpo: Any, tmp_path: Path
) -> None:
    def train(out: str) -> Any:
        return alignment.train(
            dpo, pairs[:6], pairs[6:], tiny, tmp_path / out, ["q_proj"], 1, tmp_path / "store"
        )

    first = train("first")
    edit("training/loop.py", '"""Evaluate, train', '"""First evaluate, train')
    assert train("reworded").reused
    edit("training/preference_loss.py", "beta * (chosen - rejected)", "2 * beta * (chosen - rejected)")
    changed = train("changed")
    assert not changed.reused and changed.fingerprint != first.fingerprint
