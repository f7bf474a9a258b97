import json
import random
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eva.data.responses import Response
from eva.errors import InputError
from eva.metrics.families.overlap import lcs_length, word_tokens
from eva.metrics.score import score
from eva.settings.evaluate_section import Evaluate

Rows = Callable[..., list[Response]]
WORDS = [
    "I",
    "you're",
    "it's",
    "feel",
    "so,",
    "sad.",
    "Why?",
    "don't",
    "the",
    "THE",
    "job's",
    "(really)",
    "…",
]
WORDS += ["😀", "can't", "3.5", '"ok"', "for", "you"]


def against_libraries(rows: list[Response], settings: Evaluate) -> None:
    """Compare all three metrics with NLTK and rouge_score called directly."""
    from nltk.tokenize import word_tokenize
    from nltk.translate.bleu_score import corpus_bleu, sentence_bleu
    from rouge_score.rouge_scorer import RougeScorer

    ours = [word_tokenize(row.response, preserve_line=True) for row in rows]
    gold = [[word_tokenize(row.reference or "", preserve_line=True)] for row in rows]
    half = (0.5, 0.5)
    scorer = RougeScorer(["rougeL"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sentences = [sentence_bleu(g, o, half) for g, o in zip(gold, ours, strict=True)]
        corpus = corpus_bleu(gold, ours, half)
    rouge = [scorer.score(row.reference, row.response)["rougeL"].fmeasure for row in rows]
    found = score(rows, ["overlap"], settings=settings.model_copy(update={"bootstrap": 0})).metrics
    assert found["overlap/bleu_2"].value == pytest.approx(100 * sum(sentences) / len(rows), abs=1e-9)
    assert found["overlap/bleu_2_corpus"].value == pytest.approx(100 * corpus, abs=1e-9)
    assert found["overlap/rouge_l"].value == pytest.approx(100 * sum(rouge) / len(rows), abs=1e-9)


def texts(rng: random.Random, count: int) -> list[str]:
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 40))) for _ in range(count)]


def test_equals_the_libraries_on_random_text(make_rows: Rows, settings: Evaluate) -> None:
    rng = random.Random(0)
    rows = make_rows({"a": texts(rng, 60), "b": texts(rng, 60)}, {"a": texts(rng, 60), "b": texts(rng, 60)})
    against_libraries(rows, settings)
    for row in rows[:10]:  # single rows, where an average could hide a difference
        against_libraries([row], settings)


def test_equals_the_libraries_on_real_responses(
    shared_data: Path, make_rows: Rows, settings: Evaluate
) -> None:
    corpus = json.loads((shared_data / "esconv" / "ESConv.json").read_text(encoding="utf-8"))
    said = [u["content"] for d in corpus for u in d["dialog"] if u["speaker"] == "supporter"]
    rng = random.Random(1)
    against_libraries(make_rows({"a": rng.sample(said, 500)}, {"a": rng.sample(said, 500)}), settings)


def test_longest_common_subsequence_equals_the_table() -> None:
    rng = random.Random(2)
    for _ in range(200):
        left, right = (tuple(rng.choices("abcd", k=rng.randint(0, 80))) for _ in range(2))
        table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
        for i, a in enumerate(left):
            for j, b in enumerate(right):
                table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
        assert lcs_length(left, right) == table[-1][-1]


def test_hand_values(make_rows: Rows, settings: Evaluate) -> None:
    # 3 of 4 unigrams, 2 of 3 bigrams, one token short of the reference: exp(1 - 5/4).
    rows = make_rows({"a": ["you are so sad"]}, {"a": ["you are so very kind"]})
    values = score(rows, ["overlap"], settings=settings).metrics
    assert values["overlap/bleu_2"].value == pytest.approx(100 * (3 / 4 * 2 / 3) ** 0.5 * 0.7788007830714049)
    assert values["overlap/rouge_l"].value == pytest.approx(100 * 2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5))
    assert word_tokens("It's OK.") == ("It", "'s", "OK", ".")


def test_bleu_without_references_names_the_lines(make_rows: Rows, settings: Evaluate) -> None:
    rows = make_rows({"a": ["x", "y"]}, {"a": ["x", "y"]})
    rows[1] = replace(rows[1], reference=None)
    with pytest.raises(InputError, match=r"overlap: 1 of 2 rows have no `reference` \(line 2\)"):
        score(rows, ["overlap"], settings=settings)
