"""What a score says about its own making."""

from collections.abc import Callable

from eva.data.responses import Response
from eva.metrics.score import score
from eva.settings.evaluate_section import Evaluate


def test_the_seed_of_the_resampling_does_not_hide_that_of_the_responses(
    make_rows: Callable[..., list[Response]], settings: Evaluate
) -> None:
    result = score(make_rows({"d": ["hm"]}), ["length"], settings=settings, provenance={"seed": 7})
    assert (result.provenance["seed"], result.provenance["bootstrap_seed"]) == (7, settings.seed)
