"""Short dialogues, and the environment of an endpoint."""

from pathlib import Path

import pytest
from tests.endpoint.server import KEY

from eva.data.dialogue import Dialogue, Turn
from eva.settings.generate_section import Generate
from eva.settings.profiles import profile_settings


def dialogue(name: str, exchanges: int) -> Dialogue:
    turns = []
    for number in range(exchanges):
        turns.append(Turn("user", f" I lost thing {number} of {name}. "))
        turns.append(Turn("assistant", f"Tell me about {number}.", ("Question",)))
    return Dialogue(name, "toy", 0, tuple(turns), {"emotion": "fear"})


@pytest.fixture
def dialogues() -> list[Dialogue]:
    """Twelve supporter turns in three dialogues."""
    return [dialogue("a", 3), dialogue("b", 4), dialogue("c", 5)]


@pytest.fixture(scope="session")
def settings(root: Path) -> Generate:
    return profile_settings(root / "profiles", "smoke").generate


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The right key; no proxy and no address unless a test gives one."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("OPENAI_BASE_URL", "EVA_ANSWERS", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return KEY
