"""The HTML page with the results of validation; it loads nothing from the network."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined


def render(verdict: Mapping[str, Any], suites: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The HTML page for a verdict (`Verdict.to_dict`) and the results of each suite (as in `result.json`)."""
    source = files(__package__).joinpath("result_page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(verdict=verdict, suites=suites)
