"""Ranking of candidates by a machine: a level classifier by fit to the position, or a judge model."""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from eva.artifacts import digest_path
from eva.data.candidates import Candidate, Ranked, by_item
from eva.data.responses import Response
from eva.errors import InputError
from eva.generation.answers import Answers, Request
from eva.models.endpoint import Served
from eva.scorers.trained import Scorers

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# After the task of the paper's annotators (Appendix E, Figure 9), with the levels of Table 1.
JUDGE_PROMPT = (
    "You rank responses of a supporter to a help-seeker from most to least appropriate, by emotional "
    "validation theory. LEVEL 1, Listening and Observing: the supporter listens actively without "
    "expressing their own thoughts or giving advice. LEVEL 2, Accurate Reflection: empathy is expressed"
    " by paraphrasing the help-seeker's situation and emotions. LEVEL 3, Validating: the supporter "
    "confirms that the help-seeker's feelings are valid and natural to reduce emotional distress. LEVEL"
    " 4, Radical Genuineness: the supporter acknowledges the help-seeker's inherent worth and shared "
    "human experience to facilitate self-validation. Lower levels suit the beginning of a dialogue, "
    "higher levels its end. Answer with the letters only, best first, for example: B > A > C"
)


def levels_of(candidates: Sequence[Candidate], classifier: Path) -> list[int]:
    """The level that a classifier sees in each candidate, 0 for none."""
    rows = [Response(one.dialogue_id, one.turn, one.n_turns, one.history, one.text) for one in candidates]
    return Scorers(classifier, classifier).labels("level", rows)


def name_of_classifier(classifier: Path) -> str:
    """How records name a classifier: by the digest of its folder."""
    return f"levels:{digest_path(classifier)[:12]}"


def rank_by_fit(
    candidates: Sequence[Candidate],
    levels: Sequence[int],
    lifts: Mapping[int, Mapping[int, float]],
    ranker: str,
) -> list[Ranked]:
    """All candidates of each item, by P(level | quartile) / P(level) of their levels; none comes last."""
    items: dict[str, list[tuple[float, str]]] = {}
    for one, level in zip(candidates, levels, strict=True):
        fit = lifts[one.quartile].get(level, 0.0)
        items.setdefault(one.item, []).append((-fit, one.candidate))
    return [
        Ranked(item, tuple(name for _, name in sorted(own)), 0, 0, kept=True, ranker=ranker)
        for item, own in items.items()
    ]


def rank_by_judge(
    candidates: Sequence[Candidate], served: Served, answers: Answers, seed: int
) -> list[Ranked]:
    """The order that a served model gives to the candidates of each item, shown in random order.

    An item whose answer names not every candidate once is not kept. Answers are kept in `answers`, so that
    no request is paid for twice.

    Raises:
        InputError: the endpoint refuses or cannot be reached, or no answer can be read.
    """
    from eva.generation.endpoint_client import ask

    shown = _shuffled(candidates, seed)
    requests = [Request(served.url, _body(own, served)) for own in shown]
    with tqdm(total=len(requests), desc="judge", unit="item", mininterval=2) as bar:
        given = ask(served, requests, answers, bar.update)
    ranker = f"judge:{served.model}"
    ranked = [
        _ranked(own, read_order(answer.text, len(own)), ranker)
        for own, answer in zip(shown, given, strict=True)
    ]
    if not any(one.kept for one in ranked):
        raise InputError(
            f"{served.model} at {served.url}: none of {len(ranked)} answers orders the candidates; the first "
            f"is {given[0].text[:100]!r}. Use a model that follows instructions; answers are kept"
        )
    return ranked


def read_order(text: str, n: int) -> list[int] | None:
    """The places, from 0, of `n` letters in an answer; None if it does not name each of them once."""
    named = re.findall(rf"\b[{_LETTERS[:n]}]\b", text)
    places = [_LETTERS.index(letter) for letter in named]
    return places if sorted(places) == list(range(n)) else None


def _shuffled(candidates: Sequence[Candidate], seed: int) -> list[list[Candidate]]:
    items = by_item(candidates)
    for item, own in items.items():
        random.Random(f"{seed}:{item}").shuffle(own)  # noqa: S311 - a draw that must repeat
    return list(items.values())


def _body(own: Sequence[Candidate], served: Served) -> dict[str, object]:
    roles = {"user": "help-seeker", "assistant": "supporter"}
    said = "\n".join(f"{roles[turn['role']]}: {turn['content']}" for turn in own[0].history)
    place = f"This is turn {own[0].turn} of the supporter's {own[0].n_turns}."
    listed = "\n".join(f"{letter}: {one.text}" for letter, one in zip(_LETTERS, own, strict=False))
    fields = {"model": served.model, "temperature": 0, "max_tokens": 40, **served.limits.request}
    messages = [
        {"role": "system", "content": JUDGE_PROMPT},
        {"role": "user", "content": f"{said}\n\n{place} Responses:\n{listed}"},
    ]
    return {"messages": messages, **{key: value for key, value in fields.items() if value is not None}}


def _ranked(own: Sequence[Candidate], order: Sequence[int] | None, ranker: str) -> Ranked:
    places = range(len(own)) if order is None else order
    names = tuple(own[place].candidate for place in places)
    return Ranked(own[0].item, names, 1, 0, kept=order is not None, ranker=ranker)
