"""Change of general capability by fine-tuning: lm-eval's tasks before and after (paper Table 13)."""
