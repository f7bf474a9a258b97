"""The forms in which a model can leave."""

from enum import StrEnum


class Format(StrEnum):
    """A Hugging Face folder of the full model, or a LoRA adapter that needs its base."""

    merged = "merged"
    adapter = "adapter"
