"""Model folders and adapters as users have them: each with one thing that does not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from eva.artifacts import read_json, write_json

Spoil = Callable[[Path], None]


def edit(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file; None takes a key out."""
    row = {**read_json(path), **changes}
    write_json(path, {key: value for key, value in row.items() if value is not None})


def tensors(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write a safetensors file again with other tensors."""
    from safetensors.torch import load_file, save_file

    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def _half(tensor: Any) -> Any:
    return tensor[: tensor.shape[0] // 2].contiguous()


def _template(folder: Path, text: str) -> None:
    (folder / "chat_template.jinja").write_text(text)


def _own(folder: Path) -> str:
    return (folder / "chat_template.jinja").read_text()


def own_code(folder: Path) -> None:
    edit(folder / "config.json", model_type="hushed", auto_map={"AutoConfig": "hushed.HushedConfig"})
    edit(
        folder / "tokenizer_config.json",
        tokenizer_class="HushedTokenizer",
        auto_map={"AutoTokenizer": ["hushed.HushedTokenizer", None]},
    )


def unknown_architecture(folder: Path) -> None:
    edit(folder / "config.json", model_type="hushed")


def too_few_embeddings(folder: Path) -> None:
    """Tokens added and used by the template, embeddings not resized."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|says|>", "<|over|>"]})
    tokenizer.save_pretrained(folder)
    text = _own(folder).replace("<|im_start|>", "<|says|>").replace("<|im_end|>", "<|over|>")
    _template(folder, text)


def no_default_template(folder: Path) -> None:
    rows = [{"name": name, "template": _own(folder)} for name in ("with_tools", "with_documents")]
    (folder / "chat_template.jinja").unlink()
    edit(folder / "tokenizer_config.json", chat_template=rows)


def prompt_opens_a_thought(folder: Path) -> None:
    _template(folder, _own(folder).replace("assistant\n{%", "assistant\n<think>\nHm{%"))


def draws_at_random(folder: Path) -> None:
    _template(folder, "{{ ['Hi', 'Hello'] | random }}" + _own(folder))


def end_after_the_last_turn_only(folder: Path) -> None:
    """The end of the conversation, which ends no turn before it."""
    ended = "{% if message['role'] == 'user' or loop.last %}<|im_end|>{% endif %}"
    _template(folder, _own(folder).replace("<|im_end|>", ended))


def sentencepiece_alone(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "spm.model").write_bytes(b"\n\x0e\n\x05<unk>")


def tensor_missing(folder: Path) -> None:
    tensors(folder / "model.safetensors", lambda t: {k: v for k, v in t.items() if "1.mlp.up_proj" not in k})


def tensor_too_many(folder: Path) -> None:
    tensors(
        folder / "model.safetensors", lambda t: {**t, "model.extra.weight": t["model.norm.weight"].clone()}
    )


def tensor_of_another_shape(folder: Path) -> None:
    tensors(
        folder / "model.safetensors", lambda t: {k: _half(v) if "embed" in k else v for k, v in t.items()}
    )


def file_cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def config_is_no_json(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


# What is wrong -> what the message has to hold.
FOLDERS: dict[Spoil, str] = {
    own_code: "needs its own code",
    unknown_architecture: "does not know the architecture 'hushed'",
    too_few_embeddings: r"ids up to 536 \('<\|over\|>'\), but the embeddings have 535 rows",
    no_default_template: "named with_documents, with_tools, but none named `default`",
    prompt_opens_a_thought: r"(?s)opens a thought in the generation prompt.*<think>.*finished turn: ",
    draws_at_random: r"contains random text \(`random`\)",
    end_after_the_last_turn_only: r"(?s)no end-of-turn token after each assistant turn.*rendered: ",
    sentencepiece_alone: r"only a SentencePiece model \(spm.model\).*tokenizer.json",
    tensor_missing: r"1 tensors are missing from the weights: model.layers.1.mlp.up_proj.weight",
    tensor_too_many: r"1 tensors are without a place in the model: model.extra.weight",
    tensor_of_another_shape: r"embed_tokens.weight \[267, 64\] for \[535, 64\]",
    file_cut: "its weights cannot be read",
    config_is_no_json: "config.json",
}


def no_pad_and_no_end(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", pad_token=None, eos_token=None)


def named_with_default(folder: Path) -> None:
    rows = [{"name": name, "template": _own(folder)} for name in ("default", "with_documents")]
    (folder / "chat_template.jinja").unlink()
    edit(folder / "tokenizer_config.json", chat_template=rows)


def odd_generation_settings(folder: Path) -> None:
    edit(folder / "generation_config.json", do_sample=False, temperature=0.3, top_p=0.5)


def suffix_behind_the_conversation(folder: Path) -> None:
    suffix = "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
    _template(folder, _own(folder).replace("<|im_end|>", "<|endoftext|>") + suffix)


def prints_the_date(folder: Path) -> None:
    _template(folder, "{{ 'Today is ' + strftime_now('%A, %d %B %Y') + '. ' }}" + _own(folder))


def thought_in_the_last_turn(folder: Path) -> None:
    thought = "{% if message['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    _template(folder, _own(folder).replace("{{ message['content'] }}", thought + "{{ message['content'] }}"))


SOUND: list[Spoil] = [
    no_pad_and_no_end,
    named_with_default,
    odd_generation_settings,
    suffix_behind_the_conversation,
    prints_the_date,
    thought_in_the_last_turn,
]


def make_adapter(model: Path, folder: Path, r: int = 4) -> None:
    """A LoRA adapter of the tiny model that changes what it says."""
    import torch
    from peft import LoraConfig, get_peft_model

    from eva.models.loading import load_model

    with torch.random.fork_rng():
        torch.manual_seed(0)
        lora = LoraConfig(
            r=r, lora_alpha=64, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM",
            init_lora_weights=False,
        )  # fmt: skip
        get_peft_model(load_model(model), lora).save_pretrained(folder)


def keys_renamed(folder: Path) -> None:
    """As another library, or another nesting of the model, names them."""
    tensors(
        folder / "adapter_model.safetensors",
        lambda t: {k.replace("base_model.model.model.", "base_model.model."): v for k, v in t.items()},
    )


def layer_missing(folder: Path) -> None:
    tensors(folder / "adapter_model.safetensors", lambda t: {k: v for k, v in t.items() if ".1." not in k})


def rank_of_another_config(folder: Path) -> None:
    edit(folder / "adapter_config.json", r=8)


def embeddings_of_another_vocabulary(folder: Path) -> None:
    import torch

    name = "base_model.model.model.embed_tokens.weight"
    tensors(folder / "adapter_model.safetensors", lambda t: {**t, name: torch.zeros(540, 64)})


def targets_that_the_model_lacks(folder: Path) -> None:
    edit(folder / "adapter_config.json", target_modules=["query_key_value"])


def no_lora(folder: Path) -> None:
    edit(folder / "adapter_config.json", peft_type="PREFIX_TUNING")


ADAPTERS: dict[Spoil, str] = {
    keys_renamed: r"8 tensors are missing from the adapter: .*lora_A.*and 5 more",
    layer_missing: r"4 tensors are missing from the adapter: .*layers\.1\.",
    rank_of_another_config: r"of another shape than the model's: .* \[4, 64\] for \[8, 64\]",
    embeddings_of_another_vocabulary: r"without a place in the model: .*embed_tokens",
    targets_that_the_model_lacks: "the adapter does not fit the model: .*query_key_value",
    no_lora: "does not describe a LoRA adapter",
}
