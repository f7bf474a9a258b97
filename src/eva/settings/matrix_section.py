"""Section `matrix` of `params.yaml`."""

from typing import Annotated

from pydantic import Field

from eva.settings.section import Name, Section


class Matrix(Section):
    """The axes that training and evaluation are crossed over; every value is a row's name."""

    corpora: list[Name] = Field(min_length=1, description="rows of `corpora` to train on")
    backbones: list[Name] = Field(min_length=1, description="rows of `backbones` to train")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
