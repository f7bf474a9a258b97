"""Local generation by vLLM, where it is installed: the same token ids in, text out.

vLLM needs a GPU and pins its own torch, so it is no dependency of this project.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, write_jsonl
from eva.data.dialogue import Dialogue, supporter_turns
from eva.devices import decide
from eva.errors import InputError, raise_if
from eva.generation.local import Generated, origin
from eva.generation.response import count, report_odd, response_at, response_seed
from eva.models.chat import encode_prompt, end_of_turn
from eva.models.loading import Policy, adapter_problems, load_tokenizer, model_problems
from eva.settings.generate_section import Generate


def generate_vllm(
    policy: Policy, dialogues: Sequence[Dialogue], settings: Generate, seed: int, out: Path
) -> Generated:
    """Write one response per supporter turn of `dialogues` to `out`, see `eva.generation.local`."""
    if find_spec("vllm") is None:
        raise InputError(
            "vLLM is not installed; `pip install vllm` into an environment of its own on a machine with "
            "a GPU, or use --backend local"
        )
    model, adapter = Path(policy.model), Path(policy.adapter) if policy.adapter else None
    raise_if(model_problems(model) + (adapter_problems(adapter) if adapter else []), str(adapter or model))
    tokenizer = load_tokenizer(model)
    asked = supporter_turns(dialogues)
    prompts = [
        encode_prompt(tokenizer, turn.history, prompt=policy.prompt, max_length=settings.max_length)
        for turn in asked
    ]
    seeds = [response_seed(seed, turn) for turn in asked]
    new_tokens = settings.cot_max_new_tokens if policy.prompt == "cot" else settings.max_new_tokens
    texts = _decode(model, adapter, prompts, seeds, settings, new_tokens, end_of_turn(tokenizer).id)
    responses = [response_at(turn, text, policy.prompt) for turn, text in zip(asked, texts, strict=True)]
    report_odd(responses, policy.prompt)
    write_jsonl(out, (response.to_dict() for response in responses))
    provenance = {"backend": "vllm", **origin(policy, tokenizer, dialogues, settings, seed)}
    return Generated({"dialogues": len(dialogues), **count(responses)}, provenance)


def _decode(
    model: Path,
    adapter: Path | None,
    prompts: Sequence[list[int]],
    seeds: Sequence[int],
    settings: Generate,
    new_tokens: int,
    stop: int,
) -> list[str]:
    """Texts after the prompts, in their order; vLLM makes the batches."""
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    lora: dict[str, Any] = {}
    if adapter:
        rank = int(read_json(adapter / "adapter_config.json")["r"])
        lora = {"enable_lora": True, "max_lora_rank": max(16, 1 << (rank - 1).bit_length())}
    engine = LLM(
        model=str(model),
        dtype=decide(settings.precision, "generate.precision").dtype,
        max_model_len=settings.max_length + new_tokens,
        **lora,
    )
    sampling = [
        SamplingParams(
            max_tokens=new_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            repetition_penalty=settings.repetition_penalty,
            stop_token_ids=[stop],
            seed=own,
        )
        for own in seeds
    ]
    given = engine.generate(
        [{"prompt_token_ids": ids} for ids in prompts],
        sampling,
        lora_request=LoRARequest("eva", 1, str(adapter)) if adapter else None,
    )
    return [str(one.outputs[0].text) for one in given]
