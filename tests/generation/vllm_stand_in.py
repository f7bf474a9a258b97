"""A vLLM that runs here: it takes and refuses what vLLM does, and decodes with transformers.

vLLM needs a GPU. Fields, limits and outputs are those of vllm-project/vllm: `vllm/sampling_params.py` at
00388f6, `vllm/config/lora.py` at 01230b4 and `vllm/outputs.py`; the decoding is our own, one token a step.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


@dataclass
class SamplingParams:
    n: int = 1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    stop: Any = None
    stop_token_ids: list[int] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    min_tokens: int = 0
    detokenize: bool = True
    skip_special_tokens: bool = True
    spaces_between_special_tokens: bool = True
    include_stop_str_in_output: bool = False

    def __post_init__(self) -> None:
        refused = {
            "temperature must be non-negative": self.temperature < 0,
            "top_p must be in (0, 1]": not 0 < self.top_p <= 1,
            "repetition_penalty must be greater than zero": self.repetition_penalty <= 0,
            "max_tokens must be at least 1": self.max_tokens is not None and self.max_tokens < 1,
            "stop_token_ids must contain only integers": not all(
                type(one) is int for one in self.stop_token_ids or []
            ),
            "seed must be an integer of 64 bits": self.seed is not None
            and not (type(self.seed) is int and -(1 << 63) <= self.seed < 1 << 64),
            "stop strings need detokenize": bool(self.stop) and not self.detokenize,
        }
        for why, broken in refused.items():
            if broken:
                raise ValueError(why)


@dataclass
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str

    def __post_init__(self) -> None:
        if self.lora_int_id < 1:
            raise ValueError("id must be > 0")


class LLM:
    def __init__(
        self,
        model: str,
        *,
        dtype: Any = "auto",
        max_model_len: int | None = None,
        enable_lora: bool = False,
        max_lora_rank: int = 16,
    ) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if max_lora_rank not in RANKS:
            raise ValueError(f"max_lora_rank must be one of {RANKS}")
        self._tokenizer = AutoTokenizer.from_pretrained(model)
        self._model = AutoModelForCausalLM.from_pretrained(model, dtype=dtype)
        longest = self._model.config.max_position_embeddings
        if max_model_len is not None and max_model_len > longest:
            raise ValueError(f"max_model_len ({max_model_len}) is greater than {longest}")
        self._room = max_model_len or longest
        self._rank = max_lora_rank if enable_lora else 0

    def generate(self, prompts: Any, sampling_params: Any = None, *, lora_request: Any = None) -> list[Any]:
        several = isinstance(sampling_params, list)
        if several and len(sampling_params) != len(prompts):
            raise ValueError("The lengths of prompts and params must be the same.")
        model = self._adapted(lora_request)
        params = sampling_params if several else [sampling_params] * len(prompts)
        pairs = zip(prompts, params, strict=True)
        return [
            SimpleNamespace(outputs=[self._complete(model, one["prompt_token_ids"], own)])
            for one, own in pairs
        ]

    def _adapted(self, request: Any) -> Any:
        from peft import PeftConfig, PeftModel

        if request is None:
            return self._model
        if not self._rank:
            raise ValueError("Got lora_request but LoRA is not enabled!")
        rank = PeftConfig.from_pretrained(request.lora_path).r
        if rank > self._rank:
            raise ValueError(f"LoRA rank {rank} is greater than max_lora_rank {self._rank}.")
        return PeftModel.from_pretrained(self._model, request.lora_path)

    def _complete(self, model: Any, prompt: list[int], params: SamplingParams) -> Any:
        """One completion; its tokens hold the one that stopped it."""
        import torch

        if len(prompt) >= self._room:
            raise ValueError(f"the prompt ({len(prompt)} tokens) is longer than max_model_len {self._room}")
        own = self._model.generation_config.eos_token_id
        ends = {*(params.stop_token_ids or []), *(own if isinstance(own, list) else [own])}
        draw = torch.Generator().manual_seed(params.seed or 0)
        written: list[int] = []
        while len(written) < min(params.max_tokens or self._room, self._room - len(prompt)):
            with torch.inference_mode():
                logits = model(torch.tensor([[*prompt, *written]])).logits[0, -1].float()
            written.append(self._choose(logits, params, draw))
            if written[-1] in ends:
                return self._output(written, "stop", params)
        return self._output(written, "length", params)

    @staticmethod
    def _choose(logits: Any, params: SamplingParams, draw: Any) -> int:
        if params.temperature == 0:
            return int(logits.argmax())
        return int((logits / params.temperature).softmax(-1).multinomial(1, generator=draw))

    def _output(self, ids: list[int], reason: str, params: SamplingParams) -> Any:
        text = self._tokenizer.decode(ids, skip_special_tokens=params.skip_special_tokens)
        return SimpleNamespace(
            text=text if params.detokenize else "", token_ids=ids, finish_reason=reason, stop_reason=None
        )
