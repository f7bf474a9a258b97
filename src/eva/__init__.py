"""EVA: train, align and evaluate empathetic language models by emotional validation."""

__version__ = "0.1.0"
