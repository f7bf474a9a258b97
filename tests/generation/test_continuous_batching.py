"""Responses that several threads decode together are those that each would get alone."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch

from eva.generation.branches import Trunk, decode_branches
from eva.generation.continuous_batching import ContinuousBatch
from eva.generation.sampling import Decoding
from eva.models.loading import load_policy
from eva.models.tiny import build_tiny

GREEDY = Decoding(12, 0.0, 1.0, 1.1, frozenset())
SAMPLED = Decoding(20, 0.9, 0.9, 1.0, frozenset())
ASKED = [
    ([5, 9, 40, 7], 1, GREEDY),
    (list(range(10, 60)), 2, SAMPLED),
    ([8, 8, 3], 3, SAMPLED),
    (list(range(30, 45)), 4, replace(SAMPLED, temperature=0.4, max_new_tokens=5)),
    ([5, 9, 40, 7], 5, replace(GREEDY, repetition_penalty=1.0)),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("continuous") / "llama"
    build_tiny("llama", "causal", folder)
    policy = load_policy(folder, None)
    for weight in policy.parameters():  # so that attention, and with it every position, matters
        weight.data.mul_(8 if weight.dim() > 1 else 1)
    return policy


@pytest.fixture
def batch(model: Any) -> Iterator[ContinuousBatch]:
    """Until its thread has given the model's own attention back, which the next test uses."""
    found = ContinuousBatch(model)
    yield found
    while found._working:
        time.sleep(0.01)


@pytest.fixture
def widths(model: Any) -> Iterator[list[int]]:
    """How many responses each step of the model decoded."""
    found: list[int] = []

    def note(_: Any, __: Any, given: dict[str, Any]) -> None:
        if "trees" in given:
            found.append(given["input_ids"].shape[1])

    handle = model.register_forward_pre_hook(note, with_kwargs=True)
    yield found
    handle.remove()


def alone(model: Any, ids: list[int], seed: int, decoding: Decoding) -> list[int]:
    with torch.inference_mode():
        ((_, written),) = decode_branches(model, [Trunk(ids, [len(ids)], [seed], [0])], decoding, 1)
    return written.ids


def test_each_gets_what_it_would_get_alone(model: Any, batch: ContinuousBatch, widths: list[int]) -> None:
    expected = [alone(model, *asked) for asked in ASKED]
    widths.clear()
    all_asked = threading.Event()

    def wait_for_all(_: int) -> None:
        all_asked.wait(60)

    def ask(number: int) -> list[int]:
        ids, seed, decoding = ASKED[number]
        if number == 0:
            decoding = replace(decoding, hear=wait_for_all)
        return batch.decode(ids, seed, decoding).ids

    with ThreadPoolExecutor(len(ASKED)) as pool:
        found = [pool.submit(ask, number) for number in range(len(ASKED))]
        while len(batch._promised) < len(ASKED):
            time.sleep(0.01)
        all_asked.set()
        assert [one.result(60) for one in found] == expected
    assert max(widths) == len(ASKED)
    assert sum(widths) == sum(len(ids) - 1 for ids in expected)


def test_one_after_the_other_from_new_threads_too(model: Any, batch: ContinuousBatch) -> None:
    """The thread that decodes ends and begins again between them, and changes the model's attention."""
    expected = [alone(model, *asked) for asked in ASKED]
    for _ in range(20):
        with ThreadPoolExecutor(3) as pool:
            found = pool.map(lambda asked: batch.decode(*asked).ids, ASKED)
            assert list(found) == expected


class LeftError(Exception):
    """Raised by a caller's `hear`."""


def test_one_that_is_not_wanted_any_more_ends_alone(model: Any, batch: ContinuousBatch) -> None:
    expected, heard = alone(model, *ASKED[1]), list[int]()

    def leave(token: int) -> None:
        heard.append(token)
        if len(heard) == 3:
            raise LeftError

    with ThreadPoolExecutor(2) as pool:
        stays = pool.submit(batch.decode, *ASKED[1])
        leaves = pool.submit(batch.decode, *ASKED[2][:2], replace(SAMPLED, hear=leave))
        with pytest.raises(LeftError):
            leaves.result(60)
        assert stays.result(60).ids == expected
    assert len(heard) == 3


def test_a_fault_of_the_model_is_told_and_the_next_one_is_answered(
    model: Any, batch: ContinuousBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(model, *ASKED[0])

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(model, "forward", fails)
        with pytest.raises(RuntimeError, match="out of memory"):
            batch.decode(*ASKED[0])
    assert batch.decode(*ASKED[0]).ids == expected


def test_a_prompt_that_the_model_cannot_read_fails_alone(model: Any, batch: ContinuousBatch) -> None:
    expected, begun = alone(model, *ASKED[1]), threading.Event()
    ids, seed, decoding = ASKED[1]
    with ThreadPoolExecutor(2) as pool:
        stays = pool.submit(batch.decode, ids, seed, replace(decoding, hear=lambda _: begun.set()))
        assert begun.wait(60)
        with pytest.raises(IndexError):
            batch.decode([10**6], 1, GREEDY)  # no such token
        assert stays.result(60).ids == expected
