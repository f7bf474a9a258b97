"""A tree gives every response the log-probability that it has alone after its prompt."""

from typing import Any

import pytest
import torch

from eva.models.branching import share_trunks, supports_branches
from eva.training.dialogue_tree import Forest, Tree, grow_trees, pack, response_log_probs
from eva.training.pair_batch import PairBatch

VOCABULARY = 300


def _ids(n: int, seed: int) -> list[int]:
    return torch.randint(3, VOCABULARY, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


TRUNK = _ids(60, 0)
PROMPTS = [TRUNK[:10], TRUNK[:25], TRUNK[:40], TRUNK, _ids(30, 1)]
ANSWERS = [[_ids(1 + 4 * i, 10 + i), _ids(9 - i, 20 + i)] for i in range(5)]


def _config(name: str) -> Any:
    import transformers

    small = {
        "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    own = {
        "Llama": {},
        "Qwen2": {},
        "Qwen3": {"head_dim": 16},
        "Mistral": {"sliding_window": None},
        "Phi3": {"sliding_window": None},
        "SmolLM3": {},
        "Granite": {},
        "Olmo2": {},
        "Gemma": {"head_dim": 16},
    }
    return getattr(transformers, f"{name}Config")(**small, **own[name])


def _model(name: str) -> Any:
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(1)
        return AutoModelForCausalLM.from_config(_config(name)).eval()


def _alone(model: Any) -> torch.Tensor:
    """The reference: one plain forward pass for each prompt with one response."""
    found = []
    for prompt, answers in zip(PROMPTS, ANSWERS, strict=True):
        for ids in answers:
            logits = model(input_ids=torch.tensor([prompt + ids])).logits[0].float().log_softmax(-1)
            rows = logits[len(prompt) - 1 : len(prompt) + len(ids) - 1]
            found.append(rows.gather(1, torch.tensor(ids)[:, None]).sum())
    return torch.stack(found)


@pytest.mark.parametrize(
    "name", ["Llama", "Qwen2", "Qwen3", "Mistral", "Phi3", "SmolLM3", "Granite", "Olmo2", "Gemma"]
)
def test_log_probs_and_gradients_equal_those_of_plain_passes(name: str) -> None:
    model = _model(name)
    assert supports_branches(model)
    weights = torch.linspace(-1, 1, 10)
    expected = _alone(model)
    (expected * weights).sum().backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    for limit in (10_000, 90, 1):
        model.zero_grad()
        found = torch.zeros(10)
        for trees in pack(grow_trees(PROMPTS, ANSWERS, limit), limit):
            numbers = sorted(branch.number for tree in trees for branch in tree.branches)
            part = response_log_probs(model, trees)
            (part * weights[numbers]).sum().backward()
            found[numbers] = part.detach()
        assert torch.allclose(found, expected, rtol=1e-5)
        for got, wanted in zip((p.grad for p in model.parameters()), gradients, strict=True):
            assert (got - wanted).norm() <= 1e-5 * wanted.norm() + 1e-7


def test_a_shared_history_is_read_once() -> None:
    one = grow_trees(PROMPTS, ANSWERS, 10_000)
    responses = sum(len(ids) - 1 for answers in ANSWERS for ids in answers)
    assert sum(tree.tokens for tree in one) == 60 + 30 + responses
    assert [tree.trunk for tree in one] == [TRUNK, PROMPTS[4]]


def test_a_long_tree_is_split_by_turns_and_a_pair_stays_together() -> None:
    trees = grow_trees(PROMPTS, ANSWERS, 70)
    assert all(tree.tokens <= 70 or len(tree.branches) == 2 for tree in trees)
    held = [sorted(branch.number // 2 for branch in tree.branches) for tree in trees]
    assert all(pairs.count(pair) == 2 for pairs in held for pair in pairs)
    assert sorted(pair for pairs in held for pair in pairs) == sorted([*range(5)] * 2)
    for tree in trees:
        assert len(tree.trunk) == max(branch.start for branch in tree.branches)


def test_packs_hold_what_fits() -> None:
    trees = grow_trees(PROMPTS, ANSWERS, 1)
    packs = pack(trees, 100)
    assert all(sum(t.tokens for t in one) <= 100 or len(one) == 1 for one in packs)
    assert sorted(t.tokens for one in packs for t in one) == sorted(t.tokens for t in trees)


def test_no_token_sees_another_branch_or_another_tree() -> None:
    trees = grow_trees(PROMPTS, ANSWERS, 10_000)
    forest = Forest.plant(trees)
    seen = forest.visible(torch.device("cpu"))
    for i in range(len(forest.input_ids)):
        for j in range(len(forest.input_ids)):
            same_tree = forest.tree[i] == forest.tree[j]
            trunk = forest.branch[j] == -1 and forest.positions[j] < forest.sees[i]
            own = forest.branch[i] == forest.branch[j]
            assert bool(seen[i, j]) == (j <= i and same_tree and (trunk or own))


def test_a_single_response_at_the_end_needs_no_mask() -> None:
    alone = Forest.plant(grow_trees([TRUNK], [[ANSWERS[0][1]]], 1))
    assert alone.plain
    assert not Forest.plant(grow_trees([TRUNK], [ANSWERS[1]], 1)).plain


def test_a_model_with_sliding_windows_reads_each_response_alone() -> None:
    from transformers import AutoModelForCausalLM, MistralConfig

    config = _config("Mistral").to_dict() | {"sliding_window": 8}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_config(MistralConfig(**config)).eval()
    assert not supports_branches(model)
    rows = [
        {"prompt_ids": prompt, "chosen_ids": both[0], "rejected_ids": both[1]}
        for prompt, both in zip(PROMPTS, ANSWERS, strict=True)
    ]
    batch = PairBatch(rows, 10_000, branching=False)
    found = torch.cat([batch.log_probs(model, trees).flatten() for trees in batch.groups])
    assert torch.allclose(found, _alone(model), rtol=1e-5)
    as_trees = PairBatch(rows, 10_000)
    wrong = torch.cat([as_trees.log_probs(model, trees).flatten() for trees in as_trees.groups])
    assert not torch.allclose(wrong, _alone(model), rtol=1e-3)


def test_trunks_are_shared_only_by_exact_prefixes() -> None:
    other = [*TRUNK[:24], 299]
    assert share_trunks([TRUNK[:25], TRUNK, other]) == [[1, 0], [2]]


def test_tokens_leave_out_the_last_of_each_response() -> None:
    assert Tree(TRUNK, ()).tokens == 60
