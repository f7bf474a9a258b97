"""EVA's own metrics, one module per family, in the order of the tables; importing it registers them."""

# ruff: noqa: I001 - the order of the imports is that of the columns
from eva.metrics.families import overlap
from eva.metrics.families import diversity
from eva.metrics.families import length
from eva.metrics.families import empathy
from eva.metrics.families import evaeval
from eva.metrics.families import level_turns
from eva.metrics.families import defects
from eva.metrics.families import response_types
from eva.metrics.families import repetition

__all__ = [
    "defects",
    "diversity",
    "empathy",
    "evaeval",
    "length",
    "level_turns",
    "overlap",
    "repetition",
    "response_types",
]
