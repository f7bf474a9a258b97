"""CoQA's last question of a story: the prompt, its answers, and exact match and F1 against them.

Source: Reddy et al. 2019 (CoQA), with the answer normalisation of Rajpurkar et al. 2016 (SQuAD).
"""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def prompt(doc: Mapping[str, Any]) -> str:
    """The story, the questions and answers so far, and the last question without its answer."""
    *earlier, last = doc["questions"]["input_text"]
    given = doc["answers"]["input_text"]
    turns = [f"Q: {question}\n\nA: {answer}\n\n" for question, answer in zip(earlier, given, strict=False)]
    return f"{doc['story']}\n\n{''.join(turns)}Q: {last}\n\nA:"


def answers(doc: Mapping[str, Any]) -> list[str]:
    """What the annotators answered to the last question, each answer once."""
    last = len(doc["questions"]["input_text"]) - 1
    others = (doc.get("additional_answers") or {}).values()
    found = [doc["answers"]["input_text"][last], *(one["input_text"][last] for one in others)]
    kept: dict[str, str] = {}
    for text in found:
        kept.setdefault(text.lower(), text)
    return list(kept.values())


def score(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Exact match and F1 of the first line said.

    As people are scored: against all annotators but one, averaged over the one left out.
    """
    said = results[0].strip().split("\n")[0]
    gold = answers(doc)
    panels = [gold[:i] + gold[i + 1 :] for i in range(len(gold))] if len(gold) > 1 else [gold]
    return {
        name: sum(max(measure(text, said) for text in panel) for panel in panels) / len(panels)
        for name, measure in (("em", _exact), ("f1", _f1))
    }


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _exact(gold: str, said: str) -> float:
    return float(_words(gold) == _words(said))


def _f1(gold: str, said: str) -> float:
    wanted, given = _words(gold), _words(said)
    if not wanted or not given:
        return float(wanted == given)
    shared = (Counter(wanted) & Counter(given)).total()
    return 2 * shared / (len(wanted) + len(given))
