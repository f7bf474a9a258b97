"""Section `register` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Name, Section


class Register(Section):
    """Which model goes to the registry, and under which name."""

    corpus: Name
    backbone: Name
    seed: int = Field(ge=0)
    variant: Name
    name: str = Field(description="registered model name")
    alias: str = "candidate"
