"""What fine-tuning costs in general capability: standard tasks before and after (Table 13)."""
