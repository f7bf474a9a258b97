"""Decoding for several threads at once: a response begins while others of the same model are being written.

A step of the model takes about as long for twenty responses as for one, because most of the time is spent
reading the weights.
"""

import itertools
import threading
from collections import deque
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
                    try:
                        self._advance(branches)
                    except Exception as error:  # the model cannot: each of its callers is told
                        branches.rows = []
                        self._fail(error)

    def _goes_on(self) -> bool:
        """Decided when the model has its own attention again: the next thread may change it at once."""
        with self._lock:
            self._working = bool(self._waiting)
            return self._working

    def _advance(self, branches: OpenBranches) -> None:
        """Take a step, then let the next one begin: others wait for the reading of one prompt at a time."""
        ended = branches.step() if branches.rows else []
        with self._lock:
            asked = self._waiting.popleft() if self._waiting else None
        if asked:
            (trunk, decoding) = asked
            ended += branches.begin(list(read_trunk(self._model, trunk.names[0], trunk, decoding)))
        for branch in ended:
            self._settle(branch)

    def _settle(self, branch: Branch) -> None:
        with self._lock:
            promised = self._promised.pop(branch.name)
        if branch.fault is not None:
            promised.set_exception(branch.fault)
        else:
            promised.set_result(branch.written)

    def _fail(self, error: Exception) -> None:
        """Tell everyone; also those that wait, whose turn the same fault would meet."""
        with self._lock:
            told, self._promised = self._promised, {}
            self._waiting.clear()
        for promised in told.values():
            promised.set_exception(error)
