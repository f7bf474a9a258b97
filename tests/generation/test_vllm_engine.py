"""What vLLM is given. It cannot run here: a stand-in with its signatures records the calls."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.models.broken import make_adapter

from eva.artifacts import read_jsonl
from eva.errors import InputError
from eva.settings.generate_section import Generate
from eva.settings.profiles import profile_settings

STAND_IN = """
from dataclasses import dataclass

@dataclass
class SamplingParams:
    max_tokens: int
    temperature: float
    top_p: float
    repetition_penalty: float
    stop_token_ids: list[int]
    seed: int
    detokenize: bool = True

@dataclass
class _Text:
    token_ids: list[int]
    finish_reason: str = "length"

@dataclass
class _Output:
    outputs: list[_Text]

class LLM:
    calls = {}
    said = []

    def __init__(self, model, dtype, max_model_len, enable_lora=False, max_lora_rank=16):
        self.calls.update(model=model, dtype=dtype, length=max_model_len)
        self.calls.update(lora=enable_lora, rank=max_lora_rank)

    def generate(self, prompts, sampling_params=None, *, lora_request=None):
        self.calls.update(prompts=prompts, sampling=sampling_params, adapter=lora_request)
        return [_Output([_Text(self.said)]) for _ in prompts]
"""
LORA = "LoRARequest = lambda lora_name, lora_int_id, lora_path: (lora_name, lora_int_id, lora_path)\n"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    (folder / "vllm" / "lora").mkdir(parents=True)
    (folder / "vllm" / "__init__.py").write_text(STAND_IN)
    (folder / "vllm" / "lora" / "__init__.py").touch()
    (folder / "vllm" / "lora" / "request.py").write_text(LORA)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        del sys.modules[name]


def without_penalty(root: Path) -> Generate:
    settings = profile_settings(root / "profiles", "smoke").generate
    return settings.model_copy(update={"repetition_penalty": 1.0})


def test_a_penalty_that_would_weigh_on_the_end_of_turn_is_refused(
    stand_in: Path, tmp_path: Path, root: Path
) -> None:
    from eva.generation.vllm_engine import generate_vllm
    from eva.models.loading import Policy

    settings = without_penalty(root).model_copy(update={"repetition_penalty": 1.1})
    with pytest.raises(
        InputError, match=r"repetition_penalty is 1\.1.*set it to 1\.0, or use --backend local"
    ):
        generate_vllm(Policy("m", None, "eva", None), [], settings, 1, tmp_path / "out.jsonl")


@pytest.mark.slow
def test_the_same_prompts_seeds_and_stop_token_as_local(stand_in: Path, tmp_path: Path, root: Path) -> None:
    from tests.endpoint.conftest import dialogue

    from eva.generation.response import response_seed
    from eva.generation.vllm_engine import generate_vllm
    from eva.models.chat import encode_prompt, end_of_turn
    from eva.models.loading import Policy, load_tokenizer
    from eva.models.tiny import build_tiny

    settings = without_penalty(root)
    build_tiny("llama", "causal", tmp_path / "tiny")
    make_adapter(tmp_path / "tiny", tmp_path / "lora", r=24)
    policy = Policy(str(tmp_path / "tiny"), str(tmp_path / "lora"), "cot", None)
    one, tokenizer = dialogue("a", 2), load_tokenizer(tmp_path / "tiny")

    import vllm

    said = tokenizer("<think>Response: hm</think> Response: I see", add_special_tokens=False).input_ids
    vllm.LLM.said = [*said, end_of_turn(tokenizer).id]
    made = generate_vllm(policy, [one], settings, 1, tmp_path / "out.jsonl")

    calls = vllm.LLM.calls
    ids = [
        encode_prompt(tokenizer, turn.history, prompt="cot", max_length=settings.max_length)
        for turn in one.supporter_turns()
    ]
    assert calls["prompts"] == [{"prompt_token_ids": own} for own in ids]
    assert [own.seed for own in calls["sampling"]] == [
        response_seed(1, turn) for turn in one.supporter_turns()
    ]
    assert calls["sampling"][0].stop_token_ids == [end_of_turn(tokenizer).id]
    assert calls["sampling"][0].max_tokens == settings.cot_max_new_tokens
    assert (calls["lora"], calls["rank"], calls["adapter"][2]) == (True, 32, str(tmp_path / "lora"))
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert [row["response"] for row in rows] == ["I see"] * len(ids), "thought and end token are no part"
    assert made.counts["thoughts"] == len(ids)
    assert {row["finish"] for row in read_jsonl(tmp_path / "out.jsonl")} == {"length"}
    assert made.counts["truncated"] == 2
    assert made.provenance["backend"] == "vllm"
    assert json.dumps(made.provenance)
