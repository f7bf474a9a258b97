"""Files for the worked example of docs/human-evaluation.md. The ratings are drawn by this script.

Usage: python docs/studies/human_evaluation.py responses FOLDER
       python docs/studies/human_evaluation.py simulate STUDY

`responses` writes three response files from the sample corpus: EVAD's chosen and rejected
utterances as two systems over the same histories, and the human supporters of the test split.
`simulate` fills a study's sheets. No person is behind such ratings: they show the commands only.
"""

import csv
import io
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from eva.artifacts import write_jsonl, write_text
from eva.data.evad import load_evad, match_evad
from eva.data.human_responses import evad_responses, supporter_responses
from eva.data.prepare import prepare
from eva.data.responses import Response
from eva.human.key import Key
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare

SAMPLE = Path("data/sample")
SHARES = {3: (0.55, 0.2, 0.25), 2: (0.35, 0.65)}  # how often each label is drawn, by number of labels
FOLLOWS = 0.7  # how often a simulated rater says what was drawn for the item


def write_responses(folder: Path) -> None:
    """Write chosen.jsonl, rejected.jsonl and supporters.jsonl."""
    corpus = Corpus(format="esconv", path=SAMPLE / "esconv", min_dialogues=1)
    splits = prepare("esconv", corpus, Prepare(keep_supporter_first=False)).splits
    matches = match_evad(load_evad(SAMPLE / "evad" / "EVAD.json"), splits)
    _write(folder / "chosen.jsonl", evad_responses(matches, "chosen"))
    _write(folder / "rejected.jsonl", evad_responses(matches, "rejected"))
    _write(folder / "supporters.jsonl", supporter_responses(splits["test"]))


def _write(path: Path, responses: Iterable[Response]) -> None:
    write_jsonl(path, (response.to_dict() for response in responses))


def simulate(study: Path) -> None:
    """Fill every sheet of a study with labels drawn at random, the same at each run."""
    key, rng = Key.read(study), np.random.default_rng(0)
    shares = SHARES[len(key.form.labels)]
    drawn = rng.choice(len(shares), size=(len(key.items), len(key.form.criteria)), p=shares)
    for path in sorted((study / "sheets").glob("*.csv")):
        reader = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        rows = list(reader)
        for row in rows:
            place = key.index[row["item"]]
            for column, criterion in enumerate(key.form.criteria):
                follows = rng.random() < FOLLOWS
                label = int(drawn[place, column]) if follows else int(rng.choice(len(shares), p=shares))
                row[criterion.name] = key.form.choices[-1 - label if key.items[place].left else label]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, reader.fieldnames or [], lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, "\ufeff" + text.getvalue())


if __name__ == "__main__":
    {"responses": write_responses, "simulate": simulate}[sys.argv[1]](Path(sys.argv[2]))
