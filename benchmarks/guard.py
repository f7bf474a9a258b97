"""How often each detector of danger stops ordinary support, as people gave it in 40 test dialogues of ESConv.

Run as `python -m benchmarks.guard [ESCONV]` where `dvc repro crisis_detector` has run. Without a folder the
real ESConv beside this checkout is read if it is there, else the sample. Nobody has labelled these dialogues:
some may speak of danger.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from eva.compat.chatter import silence_libraries
from eva.data.corpora import load
from eva.data.dialogue import Dialogue, subset
from eva.safety.choice import detector_named
from eva.safety.detector import Detector
from eva.safety.measurement import Share
from eva.safety.ordinary_talk import referred, said_by_seeker
from eva.settings.corpora_section import Corpus
from eva.settings.safety_section import DetectorName

_REAL, _SAMPLE = Path("../shared/data/esconv"), Path("data/sample/esconv")
_DIALOGUES = 40
_PROBE, _ENCODER = Path("models/crisis_detector"), Path("models/backbone/minilm")


def rates(detector: Detector, dialogues: Sequence[Dialogue]) -> list[Share]:
    """The shares it stops: of seekers' messages, of whole dialogues, of supporters' replies."""
    turns = [turn for one in dialogues for turn in one.turns]
    stopped = [found is not None for found in detector.find_each([[turn.content] for turn in turns])]
    of_seekers, of_supporters = (
        [found for turn, found in zip(turns, stopped, strict=True) if turn.role == role]
        for role in ("user", "assistant")
    )
    return [
        Share(sum(of_seekers), len(of_seekers)),
        referred(detector, [said_by_seeker(one) for one in dialogues]),
        Share(sum(of_supporters), len(of_supporters)),
    ]


def main(words: Sequence[str]) -> str:
    """A Markdown table with a row for each detector."""
    silence_libraries()
    place = Path(*words) if words else (_REAL if _REAL.is_dir() else _SAMPLE)
    corpus = load(Corpus(format="esconv", path=place, min_dialogues=1))
    dialogues = subset(corpus.splits["test"], _DIALOGUES)
    head = "| detector | messages of seekers | dialogues ended | replies of supporters |"
    lines = [head, "|---|---|---|---|"]
    for name in get_args(DetectorName):
        found = rates(detector_named(name, _PROBE, _ENCODER), dialogues)
        lines.append(f"| {name} | {' | '.join(map(str, found))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1:])}\n")
