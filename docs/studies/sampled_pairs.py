"""What pairs that a level classifier ranks can teach, beside those of the recipe `public`.

    PYTHONPATH=src python docs/studies/sampled_pairs.py CANDIDATES CLASSIFIER PREPARED ENCODER OUT

CANDIDATES is what the stage collect wrote (or docs/studies/collection.py), CLASSIFIER the folder of a level
classifier, PREPARED that of prepare, ENCODER the folder of MiniLM. Writes the set to OUT and prints Markdown.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from eva.collection import curating
from eva.collection.rankers import rank
from eva.data.dialogue import Preference
from eva.data.evad import load_evad
from eva.data.prepare import read_all
from eva.models.sentence_encoder import embed
from eva.preferences.measures import Embed, measure
from eva.preferences.recipes import build
from eva.settings.preferences_section import Preferences


def row(name: str, pairs: Sequence[Preference], encoder: Embed) -> str:
    """One line of the table."""
    found = measure(pairs, encoder)
    levels = [
        Counter(level for level in side)
        for side in ([p.chosen_level for p in pairs], [p.rejected_level for p in pairs])
    ]
    told = [" ".join(str(one[level]) for level in (1, 2, 3, 4)) for one in levels]
    cells = [
        str(len(pairs)),
        f"{found.level_gap:.2f}",
        f"{found.length_ratio:.2f}",
        f"{found.longer:.2f}",
        f"{found.closer:.2f} ({found.closer_low:.2f} to {found.closer_high:.2f})",
        f"{found.same_author:.2f}",
        *told,
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def main(candidates: str, classifier: str, prepared: str, encoder: str, out: str) -> None:
    """Make the set, and print the table."""
    splits = read_all(Path(prepared))
    judged = rank(Path(candidates), Path(classifier), splits, Path("unused"))
    found = curating.assemble(judged.pairs, judged.left_out, splits)
    curating.write("sampled", found, judged.ranked, {**judged.about, "corpus": "esconv"}, Path(out))
    base = {"corpus": "esconv", "valid_share": 0.2, "encoder": "minilm"}
    records = load_evad(Path(out) / curating.EVAD)
    sampled = build(Preferences(recipe="sampled", **base), splits, records)
    public = build(Preferences(recipe="public", **base), splits)
    names = ["pairs", "levels apart", "words, chosen / rejected", "chosen longer", "chosen closer"]
    names += ["one author", "chosen of level 1 2 3 4", "rejected of level 1 2 3 4"]
    lines = ["| recipe | " + " | ".join(names) + " |", "|---" + "|---:" * len(names) + "|"]
    for name, sets in (("sampled", sampled), ("public, same turn", public)):
        lines.append(row(name, [*sets.train, *sets.valid], partial(embed, Path(encoder))))
    sys.stdout.write("\n".join(lines) + f"\n\nleft out of the set: {dict(found.left_out)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
