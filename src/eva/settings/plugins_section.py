"""Section `plugins` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Place, Section


class Plugins(Section):
    """Folders with Python modules of your own; each may be empty (docs/extending.md)."""

    corpora: Place = Field(description="folder with formats of corpora, read by `prepare` and `validate`")
    metrics: Place = Field(description="folder with metrics, read by `evaluate`")
    estimators: Place = Field(
        description="folder with estimators that metrics need beside EVA's, read by `evaluate` and `report`"
    )
