"""Section `validate` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.section import Positive, Section


class Validate(Section):
    """Bounds of the validation gate."""

    min_turns: Positive = Field(description="fewest turns of a dialogue after joining")
    max_turn_characters: Positive = Field(description="a longer turn fails")
    max_label_share: Annotated[float, Field(gt=0, le=1)] = Field(
        description="a strategy or emotion above this share fails"
    )
    max_rows_listed: Positive = Field(description="offending rows printed per failed expectation")
