"""Section `data` of `params.yaml`."""

from pathlib import Path

from pydantic import Field

from eva.settings.section import Section


class Data(Section):
    """Files outside the dialogue corpora."""

    evad: Path = Field(description="EVAD-format preference file")
    epitome: Path = Field(description="folder with EPITOME's three csv files")
    levels: Path = Field(description="JSON lines {text, level, context?, dialogue_id?}")
