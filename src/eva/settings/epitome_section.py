"""Section `epitome` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.scorer_section import Scorer
from eva.settings.section import Distinct


class Epitome(Scorer):
    """EPITOME's three scorers (Appendix G): layers fitted on the encoder and on the probed model as they are.

    Of every sentence, and of the post, the encoder reads `max_length` tokens; the probe, of the response.
    """

    mechanisms: Annotated[list[Literal["ip", "ex", "er"]], Distinct] = Field(
        min_length=1, description="interpretations, explorations, emotional reactions: a scorer each"
    )
