"""A detector that matches regular expressions from `english.yaml`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import yaml

from eva.safety.detector import Finding, Topic
from eva.safety.normal_form import normal_form

_RULES = Path(__file__).with_name("english.yaml")
_WORD = re.compile(r"<([a-z]+)>")


class RuleDetector:
    """Matches English phrases in each message, and in each two consecutive messages joined."""

    name = "rules"

    def __init__(self) -> None:
        given = yaml.safe_load(_RULES.read_text(encoding="utf-8"))
        words = given["words"]
        self._not_literal = _compiled(given["literal_no"], words)
        self._rules: list[tuple[Topic, str, re.Pattern[str]]] = [
            (topic, name, _compiled(patterns, words))
            for topic, rules in given["rules"].items()
            for name, patterns in rules.items()
        ]

    def find(self, said: Sequence[str]) -> Finding | None:
        texts = [normal_form(message) for message in said]
        texts += [f"{first} {second}" for first, second in pairwise(texts)]
        return next((found for text in texts if (found := self._first(text)) is not None), None)

    def find_each(self, conversations: Sequence[Sequence[str]]) -> list[Finding | None]:
        return [self.find(said) for said in conversations]

    def _first(self, text: str) -> Finding | None:
        literal = self._not_literal.sub(" ~ ", text)
        return next((Finding(topic, name) for topic, name, rule in self._rules if rule.search(literal)), None)


def _compiled(patterns: Iterable[str], words: Mapping[str, str]) -> re.Pattern[str]:
    """One pattern that matches any of `patterns`, with each `<word>` replaced by its entry in `words`."""
    text = "|".join(patterns)
    while _WORD.search(text):
        text = _WORD.sub(lambda found: words[found.group(1)], text)
    return re.compile(text)
