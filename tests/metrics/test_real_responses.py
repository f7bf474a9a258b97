"""Every text metric on 500 real responses against a plain recount that shares no code with it."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from eva.data.responses import Response
from eva.metrics.sample import Sample
from eva.metrics.score import ScoreResult, score
from eva.metrics.type_phrases import PHRASES
from eva.metrics.wording import normalise
from eva.settings.evaluate_section import Evaluate

Rows = Callable[..., list[Response]]


@pytest.fixture(scope="module")
def said(shared_data: Path) -> dict[str, list[str]]:
    """500 human supporter utterances, put into 50 dialogues of 10 turns."""
    corpus = json.loads((shared_data / "esconv" / "ESConv.json").read_text(encoding="utf-8"))
    texts = [u["content"] for d in corpus for u in d["dialog"] if u["speaker"] == "supporter"]
    drawn = random.Random(1).sample(texts, 500)
    return {f"d{i:02}": drawn[10 * i : 10 * i + 10] for i in range(50)}


@pytest.fixture
def scored(said: dict[str, list[str]], make_rows: Rows, settings: Evaluate) -> ScoreResult:
    families = ["diversity", "length", "response_type", "repetition"]
    return score(make_rows(said), families, settings=settings.model_copy(update={"bootstrap": 0}))


def flat(said: dict[str, list[str]]) -> list[str]:
    return [text for texts in said.values() for text in texts]


def test_distinct_n_grams(said: dict[str, list[str]], scored: ScoreResult) -> None:
    from nltk import ngrams, word_tokenize

    tokens = [[t.lower() for t in word_tokenize(text, preserve_line=True)] for text in flat(said)]
    for order in (1, 2):
        grams = [list(ngrams(own, order)) for own in tokens]
        every = [gram for own in grams for gram in own]
        within = [100 * len(set(own)) / len(own) for own in grams if own]
        expected = {
            f"diversity/dist_{order}": 100 * len(set(every)) / len(every),
            f"diversity/dist_{order}_response": sum(within) / len(within),
        }
        for name, value in expected.items():
            assert scored.metrics[name].value == pytest.approx(value, abs=1e-9), name


def test_length(said: dict[str, list[str]], scored: ScoreResult) -> None:
    words = [len(re.findall(r"\S+", text)) for text in flat(said)]
    assert scored.metrics["length/words"].value == pytest.approx(sum(words) / 500, abs=1e-9)


def first_type(text: str) -> str:
    """Every phrase looked for at every place: earliest, then longest."""
    plain = normalise(text)
    found = [
        (match.start(), -len(phrase), name)
        for name, phrases in PHRASES.items()
        for phrase in map(normalise, phrases)
        for match in re.finditer(re.escape(phrase), plain)
        if not plain[: match.start()][-1:].isalnum()
        and not (phrase[-1].isalnum() and plain[match.end() :][:1].isalnum())
    ]
    return min(found)[2] if found else "o"


def test_response_types(said: dict[str, list[str]], scored: ScoreResult) -> None:
    counts = Counter(first_type(text) for text in flat(said))
    assert len(counts) == 6, "real responses have every type"
    for name in ("uv", "sr", "ep", "hc", "ss", "o"):
        value = scored.metrics[f"response_type/{name}"].value
        assert value == pytest.approx(100 * counts[name] / 500, abs=1e-9), name


def four_grams(text: str) -> list[str]:
    sentences = re.split(r"[.!?;:]+(?=\s|$)", normalise(text))
    words = [re.findall(r"[\w']+", sentence) for sentence in sentences]
    return [" ".join(own[i : i + 4]) for own in words for i in range(len(own) - 3)]


def test_repetition(said: dict[str, list[str]], scored: ScoreResult) -> None:
    counts = Counter(gram for text in flat(said) for gram in four_grams(text))
    top = sorted(counts, key=lambda gram: (-counts[gram], gram.split()))[:9]
    with_one = sum(any(gram in four_grams(text) for gram in top) for text in flat(said))
    assert scored.metrics["repetition/top9_share"].value == pytest.approx(100 * with_one / 500, abs=1e-9)
    table = scored.details["repetition"]["4"]
    assert [row["phrase"] for row in table] == top
    for threshold in (10, 20, 30):
        shares = [
            [100 * sum(gram in four_grams(text) for text in texts) / 10 for texts in said.values()]
            for gram in top
        ]
        over = [100 * sum(share > threshold for share in own) / 50 for own in shares]
        assert [row[f"over_{threshold}"] for row in table] == pytest.approx(over, abs=1e-9)
        value = scored.metrics[f"repetition/over_{threshold}"].value
        assert value == pytest.approx(sum(over[:4]) / 4, abs=1e-9)


def test_some_phrase_is_repeated_within_a_dialogue(make_rows: Rows, said: dict[str, list[str]]) -> None:
    """The recount above would also agree if nothing were ever repeated."""
    from eva.metrics.families.repetition import phrase_table

    again = {name: [*texts[:5], *texts[:5]] for name, texts in said.items()}
    table = phrase_table(Sample(tuple(make_rows(again))), 2)
    assert max(row.over_10 for row in table) > 0
