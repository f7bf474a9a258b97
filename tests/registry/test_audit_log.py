"""The log says what happened, in order, and shows every change made to it."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from eva.errors import InputError
from eva.record import mlflow_store as stores
from eva.registry.audit_log import append, champions, current, log_path


@pytest.fixture
def opened(checkout: Path) -> stores.Store:
    store = stores.connect(checkout)
    for act, version in (("push", "1"), ("approve", "1"), ("push", "2"), ("approve", "2")):
        append(store, checkout, act, "eva", version, by="Ada", why="tried it")
    return store


def test_rows_follow_each_other(opened: stores.Store, checkout: Path) -> None:
    rows = current(opened, checkout)
    assert [row["number"] for row in rows] == [1, 2, 3, 4]
    assert all(row["previous"] == before["hash"] for before, row in pairwise(rows))
    assert champions(rows, "eva") == ["1", "2"] and champions(rows, "other") == []
    append(opened, checkout, "rollback", "eva", "1", by="Ada", why="worse in talks")
    assert champions(current(opened, checkout), "eva") == ["1"]


def test_another_checkout_of_the_same_registry_continues_the_log(
    opened: stores.Store, checkout: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    append(opened, there, "push", "eva", "3")
    assert [row["version"] for row in current(opened, checkout)] == ["1", "1", "2", "2", "3"]
    assert log_path(there).read_text() == log_path(checkout).read_text()


def changed(line: str) -> str:
    return line.replace("Ada", "Eve")


def forged(line: str) -> str:
    """Changed, with a hash that fits."""
    from eva.registry import audit_log

    row = json.loads(changed(line))
    return json.dumps({**row, "hash": audit_log._hash(row)})


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: [changed(lines[0]), *lines[1:]], "line 1 was changed"),
        (lambda lines: [forged(lines[0]), *lines[1:]], "line 2 does not follow line 1"),
        (lambda lines: [*lines[:1], *lines[2:]], "line 2 does not follow line 1"),
        (lambda lines: [*lines[:3], forged(lines[3])], "different stories from line 4 on"),
    ],
)
def test_every_change_is_seen(
    opened: stores.Store, checkout: Path, edit: Callable[[list[str]], list[str]], said: str
) -> None:
    path = log_path(checkout)
    path.write_text("\n".join(edit(path.read_text().splitlines())) + "\n")
    with pytest.raises(InputError, match=said):
        append(opened, checkout, "push", "eva", "9")


def test_a_lost_end_comes_back_from_the_registry(opened: stores.Store, checkout: Path) -> None:
    path = log_path(checkout)
    whole = path.read_text()
    path.write_text("\n".join(whole.splitlines()[:2]) + "\n")
    current(opened, checkout)
    assert path.read_text() == whole
