"""Section `matrix` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.section import Distinct, Name, Section


class Matrix(Section):
    """Training and evaluation run for every combination of these corpora, backbones and seeds."""

    corpora: Annotated[list[Name], Distinct] = Field(min_length=1, description="rows of `corpora`")
    backbones: Annotated[list[Name], Distinct] = Field(min_length=1, description="rows of `backbones`")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Distinct] = Field(
        min_length=1, description="seeds of new weights, shuffling, dropout and sampling"
    )
