"""Section `register` of `params.yaml`."""

import re

from pydantic import Field, field_validator

from eva.settings.section import Name, Section


class Register(Section):
    """Which model goes to the registry, and under which name."""

    corpus: Name = Field(description="corpus that the model was trained on, of `matrix.corpora`")
    backbone: Name = Field(description="of `matrix.backbones`")
    seed: int = Field(ge=0, description="of `matrix.seeds`")
    variant: Name = Field(description="row of `variants`")
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="registered model; letters, digits, dots, dashes: it becomes part of an address",
    )
    alias: str = Field(
        "candidate", pattern=r"^[A-Za-z0-9_-]+$", max_length=255, description="row of `mlflow/policy.yaml`"
    )

    @field_validator("alias")
    @classmethod
    def _not_reserved(cls, given: str) -> str:
        if given.lower() == "latest" or re.fullmatch(r"[vV][0-9]+", given):
            raise ValueError("MLflow keeps `latest` and `v1`, `v2`, ... for versions; choose another word")
        return given
