"""Stage `preferences`: pairs of a better and a worse response to one history."""

from collections.abc import Sequence
from pathlib import Path

from eva import artifacts
from eva.data.dialogue import SupporterTurn
from eva.data.evad import load_evad
from eva.data.prepare import read_all
from eva.models.endpoint import is_served
from eva.preferences import recipes as preferences
from eva.preferences.pair_sets import PreferenceSets
from eva.record import StageRun
from eva.settings.params_file import Settings
from pipelines.harness import checkpoint_store, stage


@stage("preferences")
def main(
    run: StageRun,
    settings: Settings,
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
        preferences.write(PreferenceSets([], [], {"left_out": f"{backbone} is generation only"}), out)
        artifacts.write_json(metrics, {"train": 0, "valid": 0})
        return

    def answer(turns: Sequence[SupporterTurn]) -> list[str]:
        from eva.generation.local import answer_turns

        return answer_turns(model, turns, settings.generate, settings.preferences.seed, checkpoint_store())

    needs_model = preferences.needs_model(settings.preferences)
    sets = preferences.build(
        settings.preferences, read_all(prepared), load_evad(evad), answer if needs_model else None
    )
    preferences.write(sets, out)
    artifacts.write_json(metrics, {"train": len(sets.train), "valid": len(sets.valid)})
    run.log_metrics({"pairs/train": len(sets.train), "pairs/valid": len(sets.valid)})


if __name__ == "__main__":
    main()
