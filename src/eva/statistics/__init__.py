"""Statistics of dialogues: bootstrap intervals, p-values and comparisons of two systems."""
