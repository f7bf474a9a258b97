import re
from collections.abc import Callable

import numpy as np
import pytest

from eva.data.responses import Response
from eva.errors import InputError
from eva.metrics.catalogue import Metric, metric
from eva.metrics.families.diversity import corpus_distinct, ngrams
from eva.metrics.families.repetition import phrase_table, phrases_of
from eva.metrics.families.response_types import response_type
from eva.metrics.sample import Sample
from eva.metrics.score import score
from eva.metrics.selection import families, select
from eva.metrics.type_phrases import PHRASES
from eva.metrics.wording import normalise
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import draw_weights
from eva.statistics.estimators import influence_of
from eva.statistics.spread import estimate

Rows = Callable[..., list[Response]]


def values(rows: list[Response], family: str, settings: Evaluate) -> dict[str, float]:
    found = score(rows, [family], settings=settings).metrics
    return {name.split("/")[1]: value.value for name, value in found.items()}


def test_dist_by_hand(make_rows: Rows, settings: Evaluate) -> None:
    rows = make_rows({"a": ["I see I see", "i"], "b": ["You see"]})
    found = values(rows, "diversity", settings)
    assert found["dist_1"] == pytest.approx(100 * 3 / 7)  # i, see, you of 7 tokens
    assert found["dist_2"] == pytest.approx(100 * 3 / 4)  # "i see" twice, "see i", "you see"
    assert found["dist_1_response"] == pytest.approx(100 * (2 / 4 + 1 + 1) / 3)
    assert found["dist_2_response"] == pytest.approx(100 * (2 / 3 + 1) / 2)  # "i" has no bigram


@pytest.mark.parametrize("order", [1, 2])
def test_dist_with_a_dialogue_left_out_equals_counting_again(make_rows: Rows, order: int) -> None:
    rows = make_rows({"c": ["a b a", "b c"], "a": ["a b", "c c c d"], "b": ["e"]})
    statistic = corpus_distinct(Sample(tuple(rows)), order)
    without = []
    for name in ("a", "b", "c"):
        kept = [g for row in rows if row.dialogue_id != name for g in ngrams(row.response, order)]
        without.append(100 * len(set(kept)) / len(kept))
    influence = 2 * (np.mean(without) - np.array(without))
    assert statistic.sums[:, 0] == pytest.approx(influence)
    assert influence_of(statistic.without) == pytest.approx(influence)


def test_dist_interval_lies_around_the_value(make_rows: Rows, settings: Evaluate) -> None:
    # A plain bootstrap of distinct counts would lie wholly below the value.
    rng = np.random.default_rng(0)
    talk = {
        f"d{i}": [" ".join(f"w{k}" for k in rng.integers(0, 300, 20)) for _ in range(5)] for i in range(20)
    }
    found = score(make_rows(talk), ["diversity/dist_2"], settings=settings).metrics["diversity/dist_2"]
    assert found.ci is not None
    low, high = found.ci
    assert 0.25 < (found.value - low) / (high - low) < 0.75


def test_a_linearised_value_spreads_like_the_jackknife(make_rows: Rows) -> None:
    rng = np.random.default_rng(1)
    talk = {f"d{i}": [" ".join(f"w{k}" for k in rng.integers(0, 300, 20))] for i in range(25)}
    statistic = corpus_distinct(Sample(tuple(make_rows(talk))), 1)
    jackknife = np.sqrt(np.var(statistic.sums[:, 0]) / 24)
    assert estimate([statistic]).standard_error == pytest.approx(jackknife)


def test_length_counts_words(make_rows: Rows, settings: Evaluate) -> None:
    assert values(make_rows({"a": ["one two  three", "don't"]}), "length", settings) == {"words": 2.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I’m SORRY to hear that, have you considered a walk?", "uv"),
        ("Have you considered it? I am sorry to hear that.", "ss"),
        ("I understand, you could rest", "uv"),
        ("You're not alone in this", "ep"),  # longer than "you are not alone" (hc), same start
        ("you are not alone!", "hc"),
        ("Youre not alone", "hc"),
        ("I've been there", "sr"),
        ("I know what that’s like", "sr"),
        ("Let`s talk", "ss"),
        ("I see, tell me more", "uv"),
        ("I see a light", "o"),
        ("You couldn't know", "ss"),  # spelt out: "you could not know"
        ("Thank you", "o"),
        ("You are stronger", "o"),  # "you are strong" is no whole word here
        ("how can I help?", "hc"),
        ("", "o"),
    ],
)
def test_response_types(text: str, expected: str) -> None:
    assert response_type(text) == expected


def test_every_printed_phrase_gives_its_own_type() -> None:
    for name, phrases in PHRASES.items():
        for phrase in phrases:
            assert response_type(f"Well {phrase.capitalize()} then") == name, phrase


def test_response_type_shares_sum_to_a_hundred(make_rows: Rows, settings: Evaluate) -> None:
    found = values(make_rows({"a": ["i get it", "hm", "stay strong"]}), "response_type", settings)
    assert sum(found.values()) == pytest.approx(100)
    assert found["uv"] == pytest.approx(100 / 3)


def test_wording() -> None:
    assert normalise("I’m  SURE they've\nsaid it'll be OK; can't you're") == (
        "i am sure they have said it will be okay; can not you are"
    )
    assert normalise("we were here, its well") == "we were here, its well"


def test_phrases_stop_at_sentence_ends() -> None:
    assert phrases_of("Take care of. Take care", 2) == (("take", "care"), ("care", "of"), ("take", "care"))


def test_repetition_by_hand(make_rows: Rows, settings: Evaluate) -> None:
    said = "take care of yourself"
    rows = make_rows({"a": [said, "no", "no", "no"], "b": [said, said, "no", "yes"], "c": ["hm"] * 4})
    (top,) = phrase_table(Sample(tuple(rows)), order=4)
    assert (top.phrase, top.count) == (said, 3)
    assert top.response_share == pytest.approx(25)
    # The phrase is in 25 %, 50 % and 0 % of the three dialogues' turns.
    assert (top.over_10, top.over_20, top.over_30) == pytest.approx((200 / 3, 200 / 3, 100 / 3))
    found = values(rows, "repetition", settings)
    # Only one of four possible top phrases exists.
    assert found == pytest.approx({"top9_share": 25, "over_10": 50 / 3, "over_20": 50 / 3, "over_30": 25 / 3})


def test_an_unknown_metric_names_the_nearest(make_rows: Rows, settings: Evaluate) -> None:
    with pytest.raises(InputError) as caught:
        score(make_rows({"a": ["x"]}), ["diversty", "overlap/blue_2"], settings=settings)
    assert "'diversty' is neither a metric" in str(caught.value)
    assert "'diversity'" in str(caught.value)
    assert "'overlap/bleu_2'" in str(caught.value)


def test_a_name_is_registered_once() -> None:
    select(["length"])
    with pytest.raises(ValueError, match="already registered"):
        metric("length/words", family="length", unit="", definition="", higher_is_better=None)(lambda _: None)


@pytest.mark.parametrize("one", select(families()), ids=lambda one: one.name)
def test_every_definition_says_tokens_smoothing_averaging_and_unit(one: Metric) -> None:
    text = one.definition.lower()
    assert re.search(r"token|words", text)
    assert "smoothing" in text
    assert re.search(r"mean over|per corpus|summed over|share of|shares of|sum over", text)
    assert text.endswith(f"unit: {one.unit.lower()}.")


def test_the_names_are_those_that_readers_look_for() -> None:
    names = {one.name for one in select(families())}
    forms = ("evaeval", "evaeval_sum", "evaeval_dialogue")
    assert names >= {
        *("overlap/bleu_2", "overlap/rouge_l", "diversity/dist_1", "diversity/dist_2", "length/words"),
        *(f"epitome/{mechanism}" for mechanism in ("ip", "ex", "er")),
        *(f"{form}/{part}" for form in forms for part in (*(f"level_{i}" for i in (1, 2, 3, 4)), "avg")),
        *(f"response_type/{key}" for key in ("uv", "sr", "ep", "hc", "ss", "o")),
        *("evaeval_joint", "repetition/over_10", "repetition/top9_share"),
    }


def test_equal_seeds_draw_equal_weights() -> None:
    assert (draw_weights(5, 10, 1) == draw_weights(5, 10, 1)).all()
    assert (draw_weights(5, 10, 1).sum(axis=1) == 5).all()
    assert draw_weights(5, 0, 1).shape == (0, 5)
