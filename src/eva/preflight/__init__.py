"""All that a stage would refuse for its settings, asked before any stage runs.

The checks are those of the stages themselves where a stage has one; here they only come first.
"""
