"""The decision of the gate: every check with what it found."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Check:
    """One check: its name, whether it passed, and what was found, in words."""

    name: str
    passed: bool
    found: str


@dataclass(frozen=True)
class Decision:
    """Whether a model may be used, and every check behind it."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def reasons(self) -> list[str]:
        """What was found by the checks that failed."""
        return [check.found for check in self.checks if not check.passed]

    def joined(self, more: Iterable[Check]) -> Self:
        """The decision after further checks."""
        return type(self)((*self.checks, *more))

    def to_dict(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "reasons": self.reasons,
            "checks": [asdict(check) for check in self.checks],
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(tuple(Check(**check) for check in raw["checks"]))
