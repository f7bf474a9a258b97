"""Section `corpora` of `params.yaml`."""

from typing import Literal

from pydantic import Field

from eva.settings.section import Place, Positive, Section


class Corpus(Section):
    """A corpus in its official format."""

    format: Literal["esconv", "failed_esconv", "empathetic_dialogues"] = Field(
        description="layout of the official files"
    )
    path: Place = Field(description="folder with the official files")
    min_dialogues: Positive = Field(description="fewer than this in the train split fails the gate")
