"""Stage `preferences`: pairs of a better and a worse response to one history."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.dialogue import SupporterTurn
from eva.data.evad import load_evad
from eva.data.prepare import read_all
from eva.models.endpoint import is_served
from eva.preferences import recipes
from eva.preferences.pair_sets import PreferenceSets
from eva.settings.generate_section import Generate
from eva.settings.preferences_section import Preferences

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    preferences: Preferences,
    generate: Generate,
    *,
    backbone: str,
    prepared: Path,
    evad: Path,
    model: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Build the pairs that every variant of one backbone is aligned on; none for a served model."""
    if is_served(model):
        recipes.write(PreferenceSets([], [], {"left_out": f"{backbone} is generation only"}), out)
        artifacts.write_json(metrics, {"train": 0, "valid": 0})
        return

    def answer(turns: Sequence[SupporterTurn]) -> list[str]:
        from eva.generation.local import answer_turns

        return answer_turns(model, turns, generate, preferences.seed, run.checkpoint_store)

    needs_model = recipes.needs_model(preferences)
    sets = recipes.build(preferences, read_all(prepared), load_evad(evad), answer if needs_model else None)
    recipes.write(sets, out)
    artifacts.write_json(metrics, {"train": len(sets.train), "valid": len(sets.valid)})
    run.log_metrics({"pairs/train": len(sets.train), "pairs/valid": len(sets.valid)})
