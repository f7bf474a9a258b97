"""What pyproject.toml asks for is pinned in constraints.txt, and locked by digest in requirements.lock."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BY_MACHINE = re.compile(r"torch|triton|nvidia-.*|cuda-.*")  # the build fits the machine: no digests


def _pins(name: str) -> dict[str, set[str]]:
    """Versions by package; several where they differ by Python or platform."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if pin := re.match(r"([\w.-]+)==([^ ;]+)", line):
            found.setdefault(canonicalize_name(pin[1]), set()).add(pin[2])
    return found


def _requirements() -> list[Requirement]:
    lines = PROJECT["dependencies"] + [
        line for extra in PROJECT["optional-dependencies"].values() for line in extra
    ]
    return [one for one in map(Requirement, lines) if one.name != PROJECT["name"]]


def test_every_requirement_is_pinned() -> None:
    pins = _pins("constraints.txt")
    loose = [
        str(one)
        for one in _requirements()
        if not any(one.specifier.contains(v) for v in pins.get(canonicalize_name(one.name), ()))
    ]
    assert not loose, f"not in constraints.txt, or pinned to another version: {loose}; run `make lock`"


def test_lock_and_constraints_agree() -> None:
    pinned = {name: v for name, v in _pins("constraints.txt").items() if not BY_MACHINE.fullmatch(name)}
    assert _pins("requirements.lock") == pinned, "run `make lock`"


def test_every_locked_package_has_a_digest() -> None:
    for name in ("requirements.lock", "packages.txt"):
        entries = re.split(r"\n(?=\w)", (ROOT / name).read_text())
        bare = [one for one in entries if "==" in one and "--hash=sha256:" not in one]
        assert not bare, f"{name}: {bare}"
