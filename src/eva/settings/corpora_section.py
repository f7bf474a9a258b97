"""Section `corpora` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Place, Positive, Section


class Corpus(Section):
    """A corpus in its official format; `eva.data.formats` knows which formats there are."""

    format: str = Field(
        description="layout of the files: esconv, failed_esconv, empathetic_dialogues, or one of a plugin"
    )
    path: Place = Field(description="folder with the files")
    min_dialogues: Positive = Field(description="validation fails if the train split has fewer")
