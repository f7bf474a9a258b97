"""Training: empathy acquisition (SFT) and emotional validation alignment (DPO)."""
