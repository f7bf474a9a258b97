"""Section `validate` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Fraction, Positive, Section


class Validate(Section):
    """Bounds of the validation gate."""

    min_turns: Positive = Field(description="fewest turns of a dialogue after joining")
    max_turn_characters: Positive
    max_label_share: Fraction = Field(description="a strategy or emotion above this share fails")
    max_rows_listed: Positive = Field(description="offending rows printed per failed expectation")
