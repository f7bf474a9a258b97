"""Checks, before any stage runs, for settings that a stage would refuse.

Where a stage has such a check itself, the same function is called here.
"""
