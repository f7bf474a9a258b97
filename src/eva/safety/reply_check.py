"""The check of what a model says: by the rules alone, whatever detector reads the messages (ADR 57)."""

from functools import cache

from eva.safety.detector import Finding
from eva.safety.rule_detector import RuleDetector


def find_in_reply(text: str) -> Finding | None:
    """Why a model's reply must not be shown, or None."""
    return _rules().find([text])


@cache
def _rules() -> RuleDetector:
    return RuleDetector()
