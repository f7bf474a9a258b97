"""Section `register` of `params.yaml`."""

from typing import Literal

from pydantic import Field

from eva.settings.section import Name, Section

Form = Literal["merged", "adapter"]


class Register(Section):
    """Which model is added to the MLflow registry, and under which name."""

    corpus: Name = Field(description="entry of `matrix.corpora`: what the model was trained on")
    backbone: Name = Field(description="entry of `matrix.backbones`")
    seed: int = Field(ge=0, description="entry of `matrix.seeds`")
    variant: Name = Field(description="row of `variants`")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="name in the registry; letters, digits, dots, dashes, because it is used in URLs",
    )
    form: Form = Field(
        "merged",
        description="merged: the full weights are registered; adapter: the LoRA adapter alone, for those who "
        "have its base, which is known by its digest",
    )
