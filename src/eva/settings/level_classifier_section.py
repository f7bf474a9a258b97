"""Section `level_classifier` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field

from eva.settings.scorer_section import Encoder
from eva.settings.section import Name


class LevelClassifier(Encoder):
    """The classifier of the four validation levels (Appendix F: RoBERTa) and the reference histogram V."""

    corpus: Name = Field(description="row of `corpora` whose strategies give weak labels")
    labels: Literal["strategies", "file"] = Field(
        description="strategies: weak labels from the corpus's strategies; file: the file `data.levels`"
    )
    context_turns: Annotated[int, Field(ge=0)] = Field(description="preceding turns given to the encoder")
