"""Empathy acquisition, validation alignment and the scorers' encoders."""
