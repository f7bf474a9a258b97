"""What tells chosen from rejected in preference pairs, recipe by recipe.

Usage: PYTHONPATH=src python docs/studies/preference_pairs.py DATA MINILM [BACKBONE]

DATA holds `esconv/` and `evad/EVAD_sample.json`, MINILM and BACKBONE are model folders. Without BACKBONE,
pairs whose rejected side a model writes are left out. Prints a Markdown table; figures only.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from eva.data.dialogue import Dialogue, SupporterTurn
from eva.data.evad import load_evad
from eva.data.prepare import prepare
from eva.models.sentence_encoder import embed
from eva.preferences.measures import PairMeasures, measure
from eva.preferences.recipes import build
from eva.settings.params_file import Settings
from eva.settings.profiles import profile_settings

PROFILES = Path("profiles")
SAMPLE = Path("data/sample")


def main(data: Path, minilm: Path, backbone: Path | None) -> None:
    """Build and measure the pairs of each recipe."""
    study, laptop = (profile_settings(PROFILES, name) for name in ("study", "laptop"))
    real, sample = _dialogues(study, data / "esconv"), _dialogues(laptop, SAMPLE / "esconv")
    lines = ["| pairs | n | " + " | ".join(_HEADINGS) + " |", "|---|" + "---:|" * (1 + len(_HEADINGS))]

    def add(
        name: str, settings: Settings, splits: dict[str, list[Dialogue]], evad: Path, **changes: object
    ) -> None:
        chosen = settings.preferences.model_copy(update=changes)
        sets = build(chosen, splits, load_evad(evad), partial(_answers, backbone, settings))
        pairs = [*sets.train, *sets.valid]
        lines.append(
            f"| {name} | {len(pairs)} | {' | '.join(_cells(measure(pairs, partial(embed, minilm))))} |"
        )

    record = data / "evad" / "EVAD_sample.json"
    add("`study` before: public, human of another dialogue", study, real, record, rejected="human")
    if backbone is not None:
        add("`study` before: public, model", study, real, record, rejected="model")
        add("`study` before: public, mixed", study, real, record, rejected="mixed")
    add("`study` now: public, same turn", study, real, record, rejected="same_turn")
    add("all of ESConv: public, same turn", study, real, record, rejected="same_turn", max_pairs=None)
    add("EVAD's published sample", study, real, record, recipe="evad")
    own = SAMPLE / "evad" / "EVAD.json"
    add("sample corpus (`laptop`): evad", laptop, sample, own, max_pairs=40)
    add("sample corpus: public, human", laptop, sample, own, max_pairs=40, recipe="public", rejected="human")
    sys.stdout.write("\n".join(lines) + "\n")


_HEADINGS = (
    "levels differ", "levels apart", "words, chosen / rejected", "chosen longer", "topic of chosen",
    "topic of rejected", "chosen closer", "one author",
)  # fmt: skip


def _cells(found: PairMeasures) -> list[str]:
    values = (
        found.level_contrast, found.level_gap, found.length_ratio, found.longer, found.chosen_similarity,
        found.rejected_similarity, found.closer, found.same_author,
    )  # fmt: skip
    return ["unknown" if value is None else f"{value:.2f}" for value in values]


def _dialogues(settings: Settings, folder: Path) -> dict[str, list[Dialogue]]:
    """Every dialogue of a corpus by split, dropped ones included."""
    corpus = settings.corpora["esconv"].model_copy(update={"path": folder})
    found = prepare("esconv", corpus, settings.prepare)
    dropped = {split: [row.dialogue for row in found.dropped if row.split == split] for split in found.splits}
    return {split: [*kept, *dropped[split]] for split, kept in found.splits.items()}


def _answers(backbone: Path | None, settings: Settings, turns: Sequence[SupporterTurn]) -> list[str]:
    import tempfile

    from eva.generation.local import answer_turns

    if backbone is None:
        raise ValueError("the rejected side is a model's: give BACKBONE")
    with tempfile.TemporaryDirectory() as store:
        return answer_turns(backbone, turns, settings.generate, settings.preferences.seed, Path(store))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
