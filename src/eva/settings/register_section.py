"""Section `register` of `params.yaml`."""

import re

from pydantic import Field, field_validator

from eva.settings.section import Name, Section


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
    alias: str = Field(
        "candidate",
        pattern=r"^[A-Za-z0-9_-]+$",
        max_length=255,
        description="alias of the new version; a row of `mlflow/policy.yaml`",
    )

    @field_validator("alias")
    @classmethod
    def _not_reserved(cls, given: str) -> str:
        if given.lower() == "latest" or re.fullmatch(r"[vV][0-9]+", given):
            raise ValueError(
                "MLflow reserves `latest` and `v1`, `v2`, ... for versions; choose another alias"
            )
        return given
