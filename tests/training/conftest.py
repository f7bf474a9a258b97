"""A tiny random model, a few dialogues and pairs, and short settings."""

import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.flows.conftest import free_port

from eva.data.dialogue import Dialogue, Preference, Turn
from eva.settings.dpo_section import Dpo
from eva.settings.sft_section import Sft

TARGETS = ["q_proj", "v_proj"]


def forked(work: Callable[[], object], log: Path, **environment: str) -> int:
    """Do `work` in a process of its own, which has all libraries loaded already; returns its pid.

    What it says goes to `log`; it ends with 0, the code of a `SystemExit`, or 1.
    """
    if (pid := os.fork()) != 0:
        return pid
    code = 1
    try:
        file = log.open("w", buffering=1)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = sys.stderr = file
        logging.getLogger().handlers[:] = []
        os.environ.update(environment)
        work()
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """The exit code of a forked process, once it has ended; of one that a signal ended, minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fork_ranks(work: Callable[[], object], folder: Path) -> list[int]:
    """Do `work` in two processes of a group, as torchrun would; what they say goes to `log-<rank>`."""
    group = {
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }  # fmt: skip
    return [
        forked(work, folder / f"log-{rank}", RANK=str(rank), LOCAL_RANK=str(rank), **group)
        for rank in range(2)
    ]


def _dialogue(number: int) -> Dialogue:
    turns = []
    for turn in range(1, 3 + number % 3):
        turns.append(Turn("user", f"I feel tired of my job number {number}, this is day {turn}."))
        turns.append(Turn("assistant", f"That sounds hard{'!' * turn} What happened at work {number} times?"))
    return Dialogue(f"toy-{number}", "toy", number, tuple(turns))


def _pair(number: int) -> Preference:
    history = tuple(_dialogue(number).messages(3))
    return Preference(
        id=f"pair-{number}",
        dialogue_id=f"toy-{number}",
        turn=2,
        n_turns=3,
        history=history,
        chosen=f"It makes sense that you are worried about day {number}.",
        rejected="No.",
    )


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers with a ChatML tokenizer."""
    from eva.models.tiny import build_tiny

    folder = tmp_path_factory.mktemp("model") / "tiny_llama"
    build_tiny("llama", "causal", folder)
    return folder


@pytest.fixture(scope="session")
def dialogues() -> list[Dialogue]:
    return [_dialogue(number) for number in range(8)]


@pytest.fixture(scope="session")
def pairs() -> list[Preference]:
    return [_pair(number) for number in range(8)]


@pytest.fixture(scope="session")
def sft() -> Sft:
    return Sft(
        epochs=2, lr=5e-3, batch_size=2, accumulation=1, max_length=512, warmup=0.0, precision="fp32",
        gradient_checkpointing=False, save_steps=3,
    )  # fmt: skip


@pytest.fixture(scope="session")
def dpo() -> Dpo:
    return Dpo(
        epochs=2, lr=5e-3, batch_size=2, accumulation=1, max_length=512, warmup=0.0, precision="fp32",
        gradient_checkpointing=False, save_steps=3, beta=0.1, r=4, alpha=8, dropout=0.05,
    )  # fmt: skip
