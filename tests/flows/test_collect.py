"""Which stages the flow `collect` runs, and what it tells."""

from pathlib import Path

import pytest
from flows.collect import plan, report

from eva.errors import InputError
from eva.settings.collect_section import Collection
from eva.settings.curate_section import Curation
from eva.settings.params_file import Settings, read_settings

ROW = Collection(corpus="esconv", model=Path("models/backbone/smollm2"))


@pytest.fixture
def settings(root: Path, tmp_path: Path) -> Settings:
    rankings = {"people": tmp_path / "ranked.jsonl", "sampled": Path("models/level_classifier")}
    rows = {
        name: Curation(corpus="esconv", collection="mine", ranking=path) for name, path in rankings.items()
    }
    rows["other"] = Curation(corpus="esconv", collection="theirs", ranking=Path("models/level_classifier"))
    known = {"collect": {"mine": ROW, "theirs": ROW}, "curate": rows}
    return read_settings(root / "params.yaml").model_copy(update=known)


def test_a_set_that_people_rank_waits_for_their_file(settings: Settings, tmp_path: Path) -> None:
    ranked = tmp_path / "ranked.jsonl"
    assert plan(settings, "mine") == (["collect@mine", "curate@sampled"], [ranked])
    ranked.touch()
    assert plan(settings, "mine") == (["collect@mine", "curate@people", "curate@sampled"], [])


def test_an_unknown_row_is_refused(settings: Settings) -> None:
    with pytest.raises(InputError, match=r"'hers' is not a row of `collect`. Known: mine, theirs"):
        plan(settings, "hers")


def test_the_artifact_tells_counts_cost_and_what_is_awaited() -> None:
    told = report("mine", {"candidates": 1600, "cost": 1.25}, [Path("data/ranked/mine.jsonl")])
    assert "| candidates | 1,600 |" in told
    assert "| cost | 1.25 |" in told
    assert "awaits the ranking by people in `data/ranked/mine.jsonl`" in told
