"""Decoding for several threads at once: a response begins while others of the same model are being written.

A step of the model takes about as long for twenty responses as for one, because most of the time is spent
reading the weights.
"""

import itertools
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

import torch

from eva.generation.branches import Branch, OpenBranches, Trunk, read_trunk
from eva.generation.sampling import Decoding, Written
from eva.generation.tree_cache import tree_attention


class ContinuousBatch:
    """The responses of one model, which all threads decode together.

    A thread of its own decodes while there is something to decode. The model has to support branches, see
    `eva.generation.decode.branches`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._working = False
        self._numbers = itertools.count()
        self._waiting: deque[tuple[Trunk, Decoding]] = deque()
        self._promised: dict[int, Future[Written]] = {}

    def decode(self, ids: list[int], seed: int, decoding: Decoding) -> Written:
        """The response to a prompt. What `decoding.hear` raises, in that other thread, is raised here."""
        number, promised = next(self._numbers), Future[Written]()
        with self._lock:
            self._promised[number] = promised
            self._waiting.append((Trunk(ids, [len(ids)], [seed], [number]), decoding))
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, daemon=True, name="decoding").start()
        return promised.result()

    def _work(self) -> None:
        """Decode until nothing is left."""
        while self._goes_on():
            branches = OpenBranches(self._model)
            with torch.inference_mode(), tree_attention(self._model):
                while self._waiting or branches.rows:
                    self._advance(branches)

    def _goes_on(self) -> bool:
        """Decided when the model has its own attention again: the next thread may change it at once."""
        with self._lock:
            self._working = bool(self._waiting)
            return self._working

    def _advance(self, branches: OpenBranches) -> None:
        """Take a step, then let the next one begin: others wait for the reading of one prompt at a time."""
        if branches.rows:
            self._step(branches)
        with self._lock:
            asked = self._waiting.popleft() if self._waiting else None
        if asked:
            self._begin(branches, *asked)

    def _step(self, branches: OpenBranches) -> None:
        try:
            self._settle(branches.step())
        except Exception as error:  # the model cannot: all whose responses are being written are told
            told, branches.rows = branches.rows, []
            self._fail([branch.name for branch in told], error)

    def _begin(self, branches: OpenBranches, trunk: Trunk, decoding: Decoding) -> None:
        try:
            self._settle(branches.begin(list(read_trunk(self._model, trunk.names[0], trunk, decoding))))
        except Exception as error:  # the others go on
            self._fail(trunk.names, error)

    def _settle(self, ended: Iterable[Branch]) -> None:
        for branch in ended:
            if branch.fault is not None:
                self._fail([branch.name], branch.fault)
            else:
                self._promised.pop(branch.name).set_result(branch.written)

    def _fail(self, names: Iterable[int], error: Exception) -> None:
        for name in names:
            self._promised.pop(name).set_exception(error)
