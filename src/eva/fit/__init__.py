"""Forecast of the time, memory and disk space that the settings need on a machine, before training."""
