"""Tiny random models and their tokenizers, with which tests run the whole pipeline in seconds.

They have the same files, tensors and special tokens as real models. Everything is built from fixed text
and a fixed seed, so that it has the same bytes on every machine.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SEED = 20250101
HIDDEN = 64

# ChatML, the format of SmolLM2 and Qwen2.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# The text from which the byte-pair merges are learnt; other words are encoded as bytes.
_TEXT = (
    "I feel so tired and sad about my job and my family, and I do not know what to do any more.",
    "That sounds really hard. It makes sense that you are worried, anyone in your place would be.",
    "Can you tell me what happened? How long has this been going on with your friend?",
    "Thank you for sharing this with me. You have tried a lot, and that takes strength.",
    "When my mother was ill I felt the same. Maybe you could talk to someone you trust at work.",
    "You are a helpful and considerate supporter. Please generate the utterance of the supporter.",
    "Your job is to generate appropriate emotional supporting utterances based on the dialogue history.",
    "system user assistant help-seeker response step situation emotion level validation listening",
)
# In the order of their ids.
_CHATML_SPECIAL = {"pad_token": "<|endoftext|>", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
_ROBERTA_SPECIAL = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
_PAIR = {"cls_token": "<s>", "sep_token": "</s>"}  # around one text, between two
_SIZES = {"causal": 640, "encoder": 512}


def build_tiny(architecture: str, role: str, out: Path) -> None:
    """Write a random model of `architecture` and its tokenizer into `out`.

    Raises:
        InputError: any other combination than `llama` with role causal, `roberta` with role encoder.
    """
    require_architecture(architecture, role)
    if role == "causal":
        tokenizer = chatml_tokenizer()
        model = _llama(tokenizer)
    else:
        tokenizer = _roberta_tokenizer()
        model = _roberta(tokenizer)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def require_architecture(architecture: str, role: str) -> None:
    """Raise `InputError` for a combination that `build_tiny` cannot build."""
    wanted = {"llama": "causal", "roberta": "encoder"}
    if wanted.get(architecture) != role:
        raise InputError(
            f"no random {role} model of architecture {architecture!r}; "
            "choose `llama` for role causal or `roberta` for role encoder"
        )


def chatml_tokenizer() -> "PreTrainedTokenizerBase":
    """A byte-level BPE tokenizer with ChatML's special tokens and template."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=_byte_pairs(list(_CHATML_SPECIAL.values()), _SIZES["causal"]),
        chat_template=CHATML,
        model_max_length=2048,
        **_CHATML_SPECIAL,
    )


def _roberta_tokenizer() -> "PreTrainedTokenizerBase":
    from tokenizers.processors import RobertaProcessing
    from transformers import PreTrainedTokenizerFast

    pairs = _byte_pairs(list(_ROBERTA_SPECIAL.values()), _SIZES["encoder"])
    pairs.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(tokenizer_object=pairs, model_max_length=512, **_ROBERTA_SPECIAL, **_PAIR)


def _byte_pairs(special: list[str], size: int) -> Any:
    """A byte-level BPE tokenizer trained on `_TEXT`; the tokens `special` get the first ids, in order."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXT, trainer)
    return tokenizer


def _llama(tokenizer: "PreTrainedTokenizerBase") -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return _seeded(LlamaForCausalLM, config)


def _roberta(tokenizer: "PreTrainedTokenizerBase") -> Any:
    from transformers import RobertaConfig, RobertaModel

    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=514,  # RoBERTa counts positions from pad_token_id + 1
        type_vocab_size=1,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return _seeded(RobertaModel, config)


def _seeded(model_class: Any, config: Any) -> Any:
    """A model with random weights from a fixed seed; torch's global random state is not changed."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return model_class(config)
