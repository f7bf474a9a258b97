"""Section `data` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Place, Section


class Data(Section):
    """Files outside the dialogue corpora."""

    evad: Place = Field(description="EVAD-format preference file")
    epitome: Place = Field(description="folder with EPITOME's three csv files")
    levels: Place = Field(description="JSON lines {text, level, context?, dialogue_id?}")
