"""Stage `preferences`: pairs of a better and a worse response to one history, measured and judged."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.data.dialogue import SupporterTurn
from eva.data.evad import load_evad
from eva.data.prepare import read_all
from eva.models.endpoint import is_served
from eva.models.loading import Policy
from eva.models.sentence_encoder import embed
from eva.preferences import recipes
from eva.preferences.pair_sets import PreferenceSets
from eva.settings.generate_section import Generate
from eva.settings.preferences_section import Preferences
from eva.validation.pair_gate import validate_pairs

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
    encoder: Path,
    out: Path,
    metrics: Path,
) -> None:
    """Build the pairs that every variant of one backbone is aligned on; none for a served model.

    Pairs that teach more than the level are written, with what the gate has against them, and refused.
    """
    if is_served(model):
        recipes.write(PreferenceSets([], [], {"left_out": f"{backbone} is generation only"}), out)
        artifacts.write_json(metrics, {"train": 0, "valid": 0})
        return

    def answer(turns: Sequence[SupporterTurn]) -> list[str]:
        from eva.generation.local import answer_turns

        policy = Policy(str(model), None, "eva", None)
        found = answer_turns(policy, turns, generate, preferences.seed, run.checkpoint_store)
        return [one.response for one in found]

    needs_model = recipes.needs_model(preferences)
    sets = recipes.build(preferences, read_all(prepared), load_evad(evad), answer if needs_model else None)
    measures = asdict(recipes.measured(sets, partial(embed, encoder)))
    sets.statistics["measures"] = measures
    recipes.write(sets, out)
    counted = {"train": len(sets.train), "valid": len(sets.valid)}
    validate_pairs(backbone, measures, preferences, counted, out / "validated")
    found = {f"pairs/{name}": value for name, value in measures.items() if value is not None}
    artifacts.write_json(metrics, counted | found)
    run.log_metrics({f"pairs/{side}": n for side, n in counted.items()} | found)
