"""Section `validate` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.section import Positive, Section


class Validate(Section):
    """Limits of the data validation; training starts only if all data pass."""

    min_turns: Positive = Field(
        description="fewest turns of a dialogue, after consecutive turns of one speaker are joined"
    )
    max_turn_characters: Positive = Field(description="most characters of a turn")
    max_label_share: Annotated[float, Field(gt=0, le=1)] = Field(
        description="largest share of the data that one strategy or emotion may have"
    )
    max_rows_listed: Positive = Field(description="rows shown for each failed check")
