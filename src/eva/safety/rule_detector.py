"""Detection by plain rules."""

import re
from collections.abc import Sequence
from itertools import pairwise

from eva.safety.detector import Finding, Topic
from eva.safety.english_rules import FIGURES_OF_SPEECH, RULES
from eva.safety.plain_text import plain_text

_FIGURE = re.compile("|".join(FIGURES_OF_SPEECH))
_RULES: list[tuple[Topic, str, re.Pattern[str]]] = [
    (topic, name, re.compile("|".join(patterns)))
    for topic, rules in RULES.items()
    for name, patterns in rules.items()
]


class RuleDetector:
    """English wordings, message by message; two messages in a row are also read as one sentence."""

    name = "rules"

    def find(self, said: Sequence[str]) -> Finding | None:
        texts = [plain_text(message) for message in said]
        texts += [f"{first} {second}" for first, second in pairwise(texts)]
        return next((found for text in texts if (found := _first(text)) is not None), None)


def _first(text: str) -> Finding | None:
    literal = _FIGURE.sub(" ~ ", text)
    return next((Finding(topic, name) for topic, name, rule in _RULES if rule.search(literal)), None)
