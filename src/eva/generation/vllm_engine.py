"""Generation with vLLM, if it is installed, from the same token ids as local generation.

vLLM needs a GPU and pins its own version of torch, so it is not a dependency of this project.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, write_jsonl
from eva.data.dialogue import Dialogue, supporter_turns
from eva.devices import decide
from eva.errors import InputError
from eva.generation.local import Generated, origin, require_room
from eva.generation.response import answer_text, count, new_tokens, report_odd, response_at, response_seed
from eva.models.chat import encode_prompt, end_of_turn
from eva.models.loading import Policy, check_policy, load_tokenizer
from eva.settings.generate_section import Generate


def generate_vllm(
    policy: Policy, dialogues: Sequence[Dialogue], settings: Generate, seed: int, out: Path
) -> Generated:
    """Write one response per supporter turn of `dialogues` to `out`, see `eva.generation.local`."""
    if find_spec("vllm") is None:
        raise InputError(
            "vLLM is not installed; install it (`pip install vllm`) in a separate environment on a machine "
            "with a GPU, or use --backend local"
        )
    _refuse_penalty(settings)
    model, adapter = Path(policy.model), Path(policy.adapter) if policy.adapter else None
    check_policy(model, adapter)
    require_room(model, settings, policy.prompt)
    tokenizer = load_tokenizer(model)
    asked = supporter_turns(dialogues)
    prompts = [
        encode_prompt(tokenizer, turn.history, prompt=policy.prompt, max_length=settings.max_length)
        for turn in asked
    ]
    seeds = [response_seed(seed, turn) for turn in asked]
    room = new_tokens(settings, policy.prompt)
    stops = {end_of_turn(tokenizer).id, tokenizer.eos_token_id}
    answers = _decode(model, adapter, prompts, seeds, settings, room, end_of_turn(tokenizer).id)
    responses = [
        response_at(turn, answer_text(tokenizer, [i for i in ids if i not in stops]), policy.prompt, finish)
        for turn, (ids, finish) in zip(asked, answers, strict=True)
    ]
    counts = count(responses, policy.prompt)
    report_odd(counts)
    write_jsonl(out, (response.to_dict() for response in responses))
    provenance = {"backend": "vllm", **origin(policy, tokenizer, dialogues, settings, seed)}
    return Generated({"dialogues": len(dialogues), **counts}, provenance)


def _decode(
    model: Path,
    adapter: Path | None,
    prompts: Sequence[list[int]],
    seeds: Sequence[int],
    settings: Generate,
    room: int,
    stop: int,
) -> list[tuple[list[int], str]]:
    """The new tokens of each prompt and how each answer ended, in order; vLLM makes the batches.

    Returns tokens instead of text: vLLM's text lacks all special tokens, among them the marks of thoughts.
    """
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    lora: dict[str, Any] = {}
    if adapter:
        rank = int(read_json(adapter / "adapter_config.json")["r"])
        lora = {"enable_lora": True, "max_lora_rank": max(16, 1 << (rank - 1).bit_length())}
    engine = LLM(
        model=str(model),
        dtype=decide(settings.precision, "generate.precision").dtype,
        max_model_len=settings.max_length + room,
        **lora,
    )
    sampling = [
        SamplingParams(
            max_tokens=room,
            temperature=settings.temperature,
            top_p=settings.top_p,
            repetition_penalty=settings.repetition_penalty,
            stop_token_ids=[stop],
            seed=own,
            detokenize=False,
        )
        for own in seeds
    ]
    given = engine.generate(
        [{"prompt_token_ids": ids} for ids in prompts],
        sampling,
        lora_request=LoRARequest("eva", 1, str(adapter)) if adapter else None,
    )
    written = [one.outputs[0] for one in given]
    return [(list(one.token_ids), "length" if one.finish_reason == "length" else "stop") for one in written]


def _refuse_penalty(settings: Generate) -> None:
    """Raise InputError for a repetition penalty: vLLM applies it also to the prompt's end-of-turn tokens."""
    if settings.repetition_penalty != 1:
        raise InputError(
            f"generate.repetition_penalty is {settings.repetition_penalty:g}: vLLM's penalty would weigh on "
            "the token that ends a turn, which stands all over the prompt, so that responses would not "
            "end; set it to 1.0, or use --backend local, which leaves that token out"
        )
