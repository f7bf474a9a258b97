"""vLLM's responses are those of the local backend. It cannot run here: see `vllm_stand_in`."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.endpoint.conftest import dialogue
from tests.generation import vllm_stand_in
from tests.models.broken import make_adapter

from eva.artifacts import read_jsonl
from eva.errors import InputError
from eva.settings.generate_section import Generate
from eva.settings.profiles import profile_settings

pytestmark = pytest.mark.slow

DIALOGUES = [dialogue("a", 3), dialogue("b", 2)]
Rows = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def vllm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed vLLM."""
    from importlib.machinery import ModuleSpec

    whole, request = ModuleType("vllm"), ModuleType("vllm.lora.request")
    whole.__spec__ = ModuleSpec("vllm", None)
    whole.LLM, whole.SamplingParams = vllm_stand_in.LLM, vllm_stand_in.SamplingParams  # type: ignore[attr-defined]
    request.LoRARequest = vllm_stand_in.LoRARequest  # type: ignore[attr-defined]
    modules = {"vllm": whole, "vllm.lora": ModuleType("vllm.lora"), "vllm.lora.request": request}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that listens to its prompt, and an adapter of a rank that vLLM does not know."""
    import torch

    from eva.models.loading import load_model, load_tokenizer
    from eva.models.tiny import build_tiny

    folder = tmp_path_factory.mktemp("vllm")
    build_tiny("llama", "causal", folder / "plain")
    model, tokenizer = load_model(folder / "plain"), load_tokenizer(folder / "plain")
    with torch.no_grad():
        for weight in model.parameters():  # so that the prompt matters
            weight.mul_(8 if weight.dim() > 1 else 1)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    make_adapter(folder / "model", folder / "adapter", r=24)
    return folder


@pytest.fixture
def answers(models: Path, tmp_path: Path, root: Path) -> Callable[..., Rows]:
    """The rows that a backend writes."""
    from eva.generation.local import generate_file
    from eva.generation.vllm_engine import generate_vllm
    from eva.models.loading import Policy

    default = profile_settings(root / "profiles", "smoke").generate

    def run(
        backend: str, *, adapter: bool = False, prompt: str = "eva", seed: int = 1, **change: Any
    ) -> Rows:
        settings: Generate = default.model_copy(
            update={"max_new_tokens": 24, "repetition_penalty": 1.0, **change}
        )
        policy = Policy(str(models / "model"), str(models / "adapter") if adapter else None, prompt, None)
        out = tmp_path / "out.jsonl"
        if backend == "vllm":
            generate_vllm(policy, DIALOGUES, settings, seed, out)
        else:
            generate_file(policy, DIALOGUES, settings, seed, out, tmp_path / "store")
        return read_jsonl(out)

    return run


@pytest.mark.parametrize(("adapter", "prompt"), [(False, "eva"), (True, "eva"), (False, "cot")])
def test_greedy_responses_equal_the_local_ones(
    answers: Callable[..., Rows], adapter: bool, prompt: str
) -> None:
    ours = answers("local", adapter=adapter, prompt=prompt, temperature=0)
    assert answers("vllm", adapter=adapter, prompt=prompt, temperature=0) == ours
    assert len(ours) == 5 and len({row["response"] for row in ours}) > 1
    assert (ours == answers("local", prompt=prompt, temperature=0)) != adapter, "the adapter changes nothing"


def test_a_response_says_whether_it_ended_or_was_cut(
    answers: Callable[..., Rows], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from eva.models.chat import end_of_turn
    from eva.models.loading import load_tokenizer

    choose, end = vllm_stand_in.LLM._choose, end_of_turn(load_tokenizer(models / "model")).id

    def sometimes(logits: Any, params: Any, draw: Any) -> int:
        return end if float(torch.rand((), generator=draw)) < 0.05 else choose(logits, params, draw)

    monkeypatch.setattr(vllm_stand_in.LLM, "_choose", staticmethod(sometimes))
    drawn = answers("vllm", temperature=1.0)
    assert {row["finish"] for row in drawn} == {"stop", "length"}
    assert not [row for row in drawn if "<|im_end|>" in row["response"]]


def test_every_turn_draws_its_own_numbers_and_the_same_ones_again(answers: Callable[..., Rows]) -> None:
    hot = {"temperature": 50.0, "top_p": 1.0}  # nearly nothing but the seed decides
    first = answers("vllm", **hot)
    assert answers("vllm", **hot) == first
    other = answers("vllm", seed=2, **hot)
    assert len({row["response"] for row in [*first, *other]}) == 10


def test_a_penalty_that_would_weigh_on_the_end_of_turn_is_refused(answers: Callable[..., Rows]) -> None:
    said = r"repetition_penalty is 1\.1.*set it to 1\.0, or use --backend local"
    with pytest.raises(InputError, match=said):
        answers("vllm", repetition_penalty=1.1)


def test_a_thought_and_the_end_of_turn_are_no_part_of_the_response(
    answers: Callable[..., Rows], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eva.models.chat import end_of_turn
    from eva.models.loading import load_tokenizer

    tokenizer = load_tokenizer(models / "model")
    said = tokenizer("<think>Response: hm</think> I see", add_special_tokens=False).input_ids
    tokens = iter([*said, end_of_turn(tokenizer).id] * 5)
    monkeypatch.setattr(vllm_stand_in.LLM, "_choose", lambda *_: next(tokens))
    assert {row["response"] for row in answers("vllm", max_new_tokens=64)} == {"I see"}


def test_the_stand_in_refuses_what_vllm_refuses() -> None:
    for wrong in ({"top_p": 0.0}, {"max_tokens": 0}, {"seed": 1 << 64}, {"stop_token_ids": ["x"]}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            vllm_stand_in.SamplingParams(**wrong)
    with pytest.raises(TypeError, match="top_q"):
        vllm_stand_in.SamplingParams(top_q=1)  # type: ignore[call-arg]
