"""The forms in which a model can leave."""

from enum import StrEnum


class Format(StrEnum):
    """The full model, a LoRA adapter that needs its base (both in Hugging Face layout), or one GGUF file."""

    merged = "merged"
    adapter = "adapter"
    gguf = "gguf"


class Precision(StrEnum):
    """How the weights of a GGUF file are stored."""

    f32 = "f32"
    f16 = "f16"
    bf16 = "bf16"
    q8_0 = "q8_0"
    q4_0 = "q4_0"
