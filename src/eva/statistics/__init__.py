"""Resampling over dialogues, and what follows from it."""
