"""Section `matrix` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.section import Distinct, Name, Section


class Matrix(Section):
    """The axes that training and evaluation are crossed over; every value is a row's name."""

    corpora: Annotated[list[Name], Distinct] = Field(min_length=1, description="rows of `corpora`")
    backbones: Annotated[list[Name], Distinct] = Field(min_length=1, description="rows of `backbones`")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Distinct] = Field(
        min_length=1, description="of weights that training adds, shuffling, dropout and sampling"
    )
