"""The sampler draws from the nucleus it says, with a stream of its own per response."""

import pytest
import torch

from eva.data.dialogue import Dialogue, Turn, supporter_turns
from eva.generation.response import response_seed
from eva.generation.sampling import Decoding, Stream, Written, pick


def decoding(**change):
    fields = {"max_new_tokens": 4, "temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.0}
    return Decoding(**{**fields, **change}, stop_ids=frozenset({0}))


def draws(logits, rules, n=4000):
    stream = Stream([1], 7)
    return torch.tensor([pick([stream], logits[None], rules)[0] for _ in range(n)])


def test_draws_follow_the_distribution():
    wanted = torch.tensor([0.5, 0.3, 0.15, 0.05])
    shares = draws(wanted.log(), decoding()).bincount(minlength=4) / 4000
    assert torch.allclose(shares, wanted, atol=0.03)


def test_nucleus_keeps_the_likeliest_tokens_up_to_top_p():
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    assert set(draws(probabilities.log(), decoding(top_p=0.75), 300).tolist()) == {0, 1}
    assert set(draws(probabilities.log(), decoding(top_p=0.4), 50).tolist()) == {0}


@pytest.mark.parametrize("top_p", [0.3, 0.97])
def test_nucleus_is_that_of_transformers_for_large_vocabularies(top_p):
    from transformers import TopPLogitsWarper

    logits = torch.randn(3000, generator=torch.Generator().manual_seed(1)) * (4 if top_p < 0.5 else 0.5)
    kept = TopPLogitsWarper(top_p)(torch.tensor([[0]]), logits[None])[0].isfinite()
    drawn = draws(logits, decoding(top_p=top_p), 3000)
    assert kept[drawn].all()
    assert len(drawn.unique()) > kept.sum() * 0.4


def test_low_temperature_is_greedy_in_the_limit():
    logits = torch.tensor([0.1, 0.9, 0.3])
    assert set(draws(logits, decoding(temperature=0.01), 50).tolist()) == {1}
    assert set(draws(logits, decoding(temperature=0), 3).tolist()) == {1}


def test_repetition_penalty_is_that_of_transformers():
    from transformers import RepetitionPenaltyLogitsProcessor

    logits = torch.randn(50, generator=torch.Generator().manual_seed(2))
    history = [3, 4]
    stream, rules = Stream(history[:], 1), decoding(temperature=0, repetition_penalty=1.7)
    for _ in range(8):
        wanted = RepetitionPenaltyLogitsProcessor(1.7)(torch.tensor([history]), logits[None].clone()).argmax()
        (picked,) = pick([stream], logits[None], rules)
        assert picked == wanted
        history.append(picked)


def test_a_stop_token_bears_no_penalty():
    """Each turn of a prompt ends in it: a penalty would keep responses from ending."""
    logits = torch.tensor([1.0, 0.9, 0.1])
    for history in ([0, 1, 0], [1, 0]):
        rules = decoding(temperature=0, repetition_penalty=3.0)
        assert pick([Stream(history, 1)], logits[None], rules) == [0]
    unspared = Decoding(4, 0, 1.0, 3.0, frozenset({2}))
    assert pick([Stream([0, 0], 1)], logits[None], unspared) == [1]


def test_a_response_ends_at_a_stop_token_or_when_it_is_full():
    rules = decoding(max_new_tokens=3)
    stopped, full = Written(), Written()
    assert [stopped.add(token, rules) for token in (5, 0)] == [False, True]
    assert [full.add(token, rules) for token in (5, 6, 7)] == [False, False, True]
    assert (stopped.ids, stopped.ended) == ([5], True)
    assert (full.ids, full.ended) == ([5, 6, 7], False)


def test_a_response_has_a_stream_of_its_own():
    logits = torch.zeros(2, 100)
    pair, alone = [Stream([1], 5), Stream([1], 6)], Stream([1], 6)
    assert [pick(pair, logits, decoding())[1] for _ in range(5)] == [
        pick([alone], logits[:1], decoding())[0] for _ in range(5)
    ]
    talk = tuple(Turn(role, "so") for role in ("user", "assistant", "user", "assistant"))
    turns = supporter_turns(Dialogue(name, "test", 0, talk) for name in "ab")
    seeds = {response_seed(seed, turn) for seed in (1, 2) for turn in turns}
    assert len(seeds) == 8
