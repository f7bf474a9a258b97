"""Tasks under lm-eval's names that its pinned release cannot load with our transformers."""
