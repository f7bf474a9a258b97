"""Section `data` of `params.yaml`."""

from pydantic import Field

from eva.settings.section import Place, Section


class Data(Section):
    """Paths of data files that are not dialogue corpora."""

    evad: Place = Field(
        description="preference pairs in EVAD's format: the authors', or a copy of data/curated/ROW/EVAD.json"
    )
    epitome: Place = Field(description="folder with the three csv files of EPITOME")
    levels: Place = Field(
        description="texts with labelled levels: JSON lines {text, level, context?, dialogue_id?}"
    )
