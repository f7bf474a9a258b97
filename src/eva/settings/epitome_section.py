"""Section `epitome` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.scorer_section import Scorer
from eva.settings.section import Distinct


class Epitome(Scorer):
    """The three EPITOME scorers (Appendix G): classifier layers on a frozen encoder and a frozen probe model.

    The encoder reads `max_length` tokens of the post and of every sentence, the probe of the response.
    """

    mechanisms: Annotated[list[Literal["ip", "ex", "er"]], Distinct] = Field(
        min_length=1,
        description="scorers to fit: ip interpretations, ex explorations, er emotional reactions",
    )
    test_share: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.15, description="share of the seeker posts that the shipped scorer is not trained on; 0: no test"
    )
