"""An EVAD file as a table, for checking that every history is the start of a dialogue of the corpus."""

from pathlib import Path

import pandas as pd

from eva.data.evad import load_evad, match_evad
from eva.data.prepare import read_all
from eva.validation.frames import normalise

_COLUMNS = ["split", "dialogue", "in_corpus", "same_text", "chosen_level", "rejected_level"]


def table(evad: Path, prepared: Path) -> pd.DataFrame:
    """One row per record; histories are looked up in the whole corpus, including dropped dialogues."""
    records = [
        {
            "split": "preferences",
            "dialogue": match.record.id,
            "in_corpus": match.dialogue is not None,
            "same_text": normalise(match.record.chosen) == normalise(match.record.rejected),
            "chosen_level": match.record.chosen_level,
            "rejected_level": match.record.rejected_level,
        }
        for match in match_evad(load_evad(evad), read_all(prepared))
    ]
    return pd.DataFrame(records, columns=_COLUMNS, dtype=object)
