"""Section `data` of `params.yaml`."""

from collections.abc import Collection
from pathlib import Path

from pydantic import Field

from eva.settings.section import Place, Section

CURATED = "data/curated"  # the folder of the stage curate


class Data(Section):
    """Paths of data files that are not dialogue corpora."""

    evad: Place = Field(
        description="preference pairs in EVAD's format: the authors', or a copy of data/curated/ROW/EVAD.json"
    )
    epitome: Place = Field(description="folder with the three csv files of EPITOME")
    levels: Place = Field(
        description="texts with labelled levels: JSON lines {text, level, context?, dialogue_id?}"
    )

    def is_yet_to_be_made(self, curated: Collection[str]) -> bool:
        """Whether `evad` is what the stage curate writes for one of its rows and has not written yet."""
        return not self.evad.is_file() and any(
            self.evad == Path(CURATED) / name / "EVAD.json" for name in curated
        )
