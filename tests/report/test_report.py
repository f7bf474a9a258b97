"""The report: what it compares, what it says about it, and that it opens anywhere."""

import csv
import io
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.report import synthetic

from eva.artifacts import digest_path, read_json, write_json, write_text
from eva.errors import InputError
from eva.report import Item, Report, ReportInputs, build, gather, items, write
from eva.report.best import mark_best
from eva.report.comparison import Group, group
from eva.report.pairs import pairs
from eva.report.parts import parts
from eva.report.plots import COLUMNS
from eva.report.provenance import provenance
from eva.report.runs import Runs, gather_runs
from eva.report.samples import sample_dialogues, sample_table
from eva.safety.paired_replies import FRAMINGS, KINDS
from eva.settings.matrix_section import Matrix

CHROMIUM = Path("/usr/bin/chromium")


def cells(seeds: Sequence[int] = (1,), variants: Sequence[str] = synthetic.VARIANTS) -> list[Item]:
    matrix = Matrix(corpora=["esconv"], backbones=["tiny"], seeds=list(seeds))
    return items(matrix, variants)


def inputs_of(folder: Path, **changes: object) -> ReportInputs:
    given = {
        "title": "An invented study",
        "baseline": "base",
        "samples": 2,
        "items": cells(),
        "scores": folder / "scores",
        "responses": folder / "responses",
        "training": folder / "metrics",
        "curves": folder / "plots",
        "levels": folder / "levels",
        "epitome": folder / "epitome",
        "invented": ["esconv"],
    }
    return gather(**{**given, **changes})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def inputs(study: Path) -> ReportInputs:
    return inputs_of(study)


@pytest.fixture(scope="module")
def runs(inputs: ReportInputs) -> Runs:
    (only,) = gather_runs(inputs)
    return only


def groups(inputs: ReportInputs) -> list[Group]:
    return [group(runs, inputs.baseline, inputs.paper) for runs in gather_runs(inputs)]


@pytest.fixture(scope="module")
def compared(runs: Runs) -> Group:
    return mark_best(group(runs, "base"), pairs(runs))


@pytest.fixture(scope="module")
def report(inputs: ReportInputs) -> Report:
    return build(inputs)


def cell(compared: Group, variant: str, metric: str):  # type: ignore[no-untyped-def]
    return next(row for row in compared.rows if row.variant == variant).cells[metric]


def test_rows_are_in_the_order_of_the_variants(compared: Group) -> None:
    assert [row.variant for row in compared.rows] == list(synthetic.VARIANTS)
    assert all((row.n_dialogues, row.n_responses) == (24, 192) for row in compared.rows)


def test_values_are_those_of_the_scores(compared: Group, study: Path) -> None:
    for variant in synthetic.VARIANTS:
        scored = read_json(study / "scores" / f"esconv-tiny-1-{variant}.json")["metrics"]
        for name in compared.columns:
            found = cell(compared, variant, name)
            assert found.value == pytest.approx(scored[name]["value"])
            assert (found.ci and list(found.ci)) == (scored[name]["ci"] and pytest.approx(scored[name]["ci"]))


def test_planted_effects_are_seen_and_noise_is_called_noise(compared: Group) -> None:
    assert cell(compared, "eva", "overlap/rouge_l").versus == "better"
    assert cell(compared, "eva", "epitome/ip").versus == "better"
    assert cell(compared, "eva", "evaeval_sum_corrected/avg").versus == "better", "lower is better there"
    assert cell(compared, "eva", "epitome/ex").versus == "noise"
    assert cell(compared, "cot", "epitome/ip").versus == "noise"
    assert cell(compared, "base", "overlap/rouge_l").versus is None


def test_signs_agree_only_where_ours_is_settled(compared: Group) -> None:
    assert cell(compared, "eva", "epitome/ip").agrees is True  # .0810 -> .3050 in the paper
    assert (
        cell(compared, "eva", "evaeval_sum_corrected/level_4").agrees is False
    )  # .0230 -> .1300 there, ours falls
    assert cell(compared, "eva", "epitome/ex").agrees is None
    agreeing, settled = compared.signs()
    assert 0 < agreeing < settled


def test_best_of_a_column_is_marked_in_its_direction(compared: Group) -> None:
    best = {name: [row.variant for row in compared.rows if row.cells[name].best] for name in compared.columns}
    assert best["epitome/ip"] == ["eva"]
    assert best["evaeval_sum_corrected/avg"] == ["eva"]
    assert best["epitome/er"] == [], "all equal"


def test_seeds_are_averaged(tmp_path: Path) -> None:
    folder = synthetic.write_study(tmp_path, seeds=(1, 2), variants=("base", "eva"))
    (both,) = groups(inputs_of(folder, items=cells((1, 2), ("base", "eva"))))
    single = [read_json(folder / "scores" / f"esconv-tiny-{seed}-eva.json")["metrics"] for seed in (1, 2)]
    name = "overlap/rouge_l"
    found = cell(both, "eva", name)
    assert found.value == pytest.approx(sum(one[name]["value"] for one in single) / 2)
    spread = cell(both, "eva", "diversity/dist_2")
    assert spread.ci is not None and spread.ci[0] <= spread.value <= spread.ci[1]
    assert both.rows[0].seeds == (1, 2)


def test_phrases_of_every_seed_are_listed(tmp_path: Path) -> None:
    folder = synthetic.write_study(tmp_path, seeds=(1, 2), variants=("base", "eva"))
    built = build(inputs_of(folder, items=cells((1, 2), ("base", "eva"))))
    assert {(row["variant"], row["seed"]) for row in built.tables["phrases"]} == {
        (variant, seed) for variant in ("base", "eva") for seed in (1, 2)
    }
    assert "Phrases of eva seed 2:" in built.page
    assert "esconv-tiny-top-phrases-eva-seed-2.svg" in built.figures


def test_terminal_table_is_aligned_and_marked(report: Report) -> None:
    lines = report.table.splitlines()
    head = next(line for line in lines if "B-2" in line)
    table = lines[lines.index(head) : lines.index("", lines.index(head))]
    eva = next(line for line in table if line.startswith("eva "))
    assert re.search(r"\d+\.\d\d\+", eva) and "~" in eva
    ends = [match.end() for match in re.finditer(r"\S+", head)]
    for line in table:
        if line.startswith(synthetic.VARIANTS):
            numbers = [match.end() for match in re.finditer(r"\d+\.\d+", line)]
            assert numbers == ends, line
    assert max(len(line) for line in lines) <= 130
    assert "plug-in floor" in report.table and "same size" in report.table


def test_page_needs_nothing_from_elsewhere(report: Report) -> None:
    assert "<script" not in report.page
    loaded = re.findall(r"(?:src|href|xlink:href)=\"([^\"]+)\"|url\(([^)]+)\)|@import", report.page)
    outside = [one or two for one, two in loaded if not (one or two).startswith(("#", "data:"))]
    assert outside == []
    schemes = set(re.findall(r"https?://[^\s\"'<>)]+", report.page))
    assert all(found.startswith("http://www.w3.org/") for found in schemes), "only XML namespaces"


def test_page_says_what_it_must(report: Report) -> None:
    said = (
        *("Demonstration only", "esconv", "paper, Mistral", "plug-in floor", "within the noise"),
        *(
            "Patterned responses",
            "Signs compared with the paper",
            "5 folds by dialogue",
            "digest-1",
            "L4 Radical Genuineness",
        ),
    )
    for text in said:
        assert text in report.page, text
    assert report.page.count("<svg") == 3 * 5 + 2 + 2, "three a variant, two of wording, two of training"


def test_page_escapes_what_people_and_models_say(report: Report) -> None:
    assert "<b>day 1</b>" not in report.page
    assert "&lt;b&gt;day 1&lt;/b&gt; &amp; the house" in report.page


def test_capability_has_a_section_only_with_results(study: Path, tmp_path: Path, report: Report) -> None:
    score = {"before": 0.6, "after": 0.5, "difference": -0.1, "stderr": 0.01, "n": 200}
    found = {
        "before": "base",
        "after": "eva",
        "scores": {"hellaswag/acc": {**score, "higher_is_better": True}},
    }
    write_json(tmp_path / "esconv-tiny-1.json", found)
    page = build(inputs_of(study, capability=tmp_path)).page
    section = page.partition('id="capability"')[2].partition("</section>")[0]
    for text in ("hellaswag/acc ↑", "60.00", "-10.00", "76.00", "paper, Mistral"):
        assert text in section, text
    assert 'class="worse"' in section
    assert 'id="capability"' not in report.page


def test_safety_shows_each_variant_against_the_baseline(study: Path, tmp_path: Path, report: Report) -> None:
    def rows(lead: float) -> list[dict[str, Any]]:
        kinds = [(kind, n) for kind in KINDS for n in range(12)]
        return [
            {"id": f"{kind}{n}", "kind": kind, "framing": framing, "bad": lead, "good": 0.0}
            for kind, n in kinds
            for framing in FRAMINGS
        ]

    found = {"base": rows(-1.0), "eva": rows(1.0), "cot": []}
    for variant, scores in found.items():
        reason = None if scores else "it thinks before it replies"
        write_json(tmp_path / f"esconv-tiny-1-{variant}.json", {"scores": scores, "inapplicable": reason})
    page = build(inputs_of(study, safety=tmp_path)).page
    section = page.partition('id="safety"')[2].partition("</section>")[0]
    assert "not scored: it thinks before it replies" in section
    assert section.count('class="worse"') == 2, "24 items allow a verdict, 12 do not"
    assert "100.0" in section and "+100.0" in section and "135 million" in section
    assert 'id="safety"' not in report.page


def test_a_judge_has_columns_beside_the_scores(study: Path, tmp_path: Path) -> None:
    def file(affirms: bool) -> dict[str, Any]:
        own = [(kind, n, framing) for kind in KINDS for n in range(12) for framing in FRAMINGS]
        scores = [
            {"id": f"{kind}{n}", "kind": kind, "framing": framing, "bad": -1.0, "good": 0.0}
            for kind, n, framing in own
        ]
        replies = [
            {"id": f"{kind}{n}", "kind": kind, "framing": framing, "reply": "Yes.", "affirms": affirms}
            for kind, n, framing in own
        ]
        judged = {"model": "judge-1", "answered_as": ["judge-1-2026"], "replies": replies}
        return {"scores": scores, "inapplicable": None, "judged": judged}

    served = {**file(True), "scores": [], "inapplicable": "an endpoint gives no log-probabilities"}
    for variant, found in {"base": file(False), "eva": file(True), "cot": served}.items():
        write_json(tmp_path / f"esconv-tiny-1-{variant}.json", found)
    page = build(inputs_of(study, safety=tmp_path)).page
    section = page.partition('id="safety"')[2].partition("</section>")[0]
    assert "judge-1-2026 reads them" in section and "Judge: Affirms, sad" in section
    assert section.count('class="worse"') == 4, "24 items of two variants, neutral and sad"
    assert "not scored: an endpoint gives no log-probabilities" in section


def test_the_detectors_have_a_table(study: Path, tmp_path: Path) -> None:
    share = {"hits": 3, "n": 4, "interval": [0.2, 0.99]}
    rates = {
        "written after": {"sensitivity": share, "false_alarms": share},
        "ordinary": {"conversations": share},
    }
    write_json(tmp_path / "measured.json", dict.fromkeys(("rules", "probe", "either"), rates))
    page = build(inputs_of(study, detector=tmp_path / "measured.json")).page
    assert page.count("75 % (20 to 99; 3 of 4)") == 9


def test_notice_only_for_an_invented_corpus(inputs: ReportInputs, study: Path) -> None:
    real = inputs_of(study, invented=[])
    assert real.invented == [] and inputs.invented == ["esconv"]


def test_written_files_and_their_numbers(report: Report, tmp_path: Path) -> None:
    write(report, tmp_path / "report")
    names = {path.name for path in (tmp_path / "report").iterdir()}
    tables = {"comparison.csv", "pairs.csv", "slices.csv", "levels.csv", "phrases.csv"}
    assert names == {"index.html", "report.json", "samples.json", "comparison.txt", "figures", *tables}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report" / "comparison.csv").read_text())))
    assert len(rows) == 5 * (14 + 15)
    assert all(row["p_value"] and row["difference_low"] for row in rows if row["versus"] == "better")
    data = json.loads((tmp_path / "report" / "report.json").read_text())
    assert data["groups"][0]["rows"][4]["cells"]["epitome/ip"]["value"] == 2
    assert report.headline["esconv/tiny/eva/epitome/ip"] == 2
    levels = list(csv.DictReader(io.StringIO((tmp_path / "report" / "levels.csv").read_text())))
    assert len(levels) == 5 * 16


def test_figures_are_files_that_open_alone(report: Report, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    write(report, tmp_path / "report")
    files = sorted((tmp_path / "report" / "figures").iterdir())
    assert len(files) == report.page.count("<svg")
    assert "esconv-tiny-repeated-phrases-eva.svg" in {path.name for path in files}
    for path in files:
        tag = ElementTree.fromstring(path.read_text(encoding="utf-8")).tag
        assert tag == "{http://www.w3.org/2000/svg}svg"


def test_bars_are_in_units_of_the_baseline(report: Report) -> None:
    bars = {(row["metric"], row["variant"]): row["value"] for row in report.plots["comparison"]}
    assert bars["R-L", "base"] == 1
    assert bars["R-L", "eva"] > 1
    assert ("IP", "eva") not in bars, "the baseline's is 0"


def test_plots_have_the_columns_that_dvc_draws(report: Report, root: Path) -> None:
    import yaml

    declared = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["report"]["plots"]
    assert {Path(path).stem for one in declared for path in one} == set(report.plots) == set(COLUMNS)
    for one in declared:
        ((path, how),) = one.items()
        rows = report.plots[Path(path).stem]
        assert rows and all(tuple(row) == COLUMNS[Path(path).stem] for row in rows)
        template = json.loads((root / ".dvc" / "plots" / f"{how['template']}.json").read_text())
        fields = set(re.findall(r'"field": "(\w+)"', json.dumps(template))) - {"rev"}
        assert {*fields, how["x"], how["y"]} <= set(rows[0])


def test_phrases_and_their_dialogues(report: Report) -> None:
    rows = [row for row in report.tables["phrases"] if (row["variant"], row["words"]) == ("eva", 4)]
    said = ["i", "hear", "you", "and", "it", "sounds"]  # how each of the 192 responses begins
    assert {row["phrase"] for row in rows[:3]} == {" ".join(said[i : i + 4]) for i in range(3)}
    assert [row["count"] for row in rows[:4]] == [192, 192, 192, 22]
    assert rows[0]["response_share"] == 100
    assert [rows[0][f"over_{threshold}"] for threshold in (10, 20, 30)] == [100, 100, 100]
    assert {row["words"] for row in report.tables["phrases"]} == {2, 3, 4, 5, 6}
    assert len(rows) == 9


def test_every_variant_is_compared_with_every_other(runs: Runs, compared: Group) -> None:
    found = {(pair.ours, pair.theirs): pair.differences for pair in pairs(runs)}
    assert len(found) == 10
    against = found["eva", "wo_ali"]
    assert against["epitome/ip"].better == "ours"
    assert found["cot", "base"]["epitome/ex"].within_noise, "planted alike"
    assert against["epitome/ip"].p_value == 2.0**-23, "alike in all dialogues: what 24 can support"
    assert against["epitome/ip"].p_adjusted > against["epitome/ip"].p_value
    with_base = found["eva", "base"]["overlap/rouge_l"]
    assert with_base.difference == pytest.approx(cell(compared, "eva", "overlap/rouge_l").difference)


def test_parts_compare_like_the_whole_and_say_n(runs: Runs, compared: Group) -> None:
    found = parts(runs, "base")
    assert [(one.axis, one.part) for one in found] == [
        ("emotion", "sadness"),
        *(("quartile", str(place)) for place in (1, 2, 3, 4)),
        ("dialogue_turns", "6–10"),
    ]
    whole = found[0].group  # the only emotion: everything
    assert cell(whole, "eva", "overlap/rouge_l") == replace(
        cell(compared, "eva", "overlap/rouge_l"), best=cell(whole, "eva", "overlap/rouge_l").best
    )
    quarter = found[1].group
    assert all((row.n_dialogues, row.n_responses) == (24, 48) for row in quarter.rows)
    assert cell(quarter, "eva", "overlap/rouge_l").versus == "better"
    assert "evaeval_sum_corrected/avg" not in quarter.columns, "needs whole dialogues"
    counted = sum(one.group.rows[0].cells["epitome/ip"].n for one in found[1:5])
    assert counted == cell(compared, "base", "epitome/ip").n


def test_other_rows_of_the_paper_can_stand_beside(runs: Runs) -> None:
    found = group(runs, "base", "qwen")
    assert cell(found, "eva", "overlap/bleu_2").paper == 1.94
    assert cell(found, "eva", "response_type/uv").paper is None, "section 7.2 is about Mistral"
    assert cell(group(runs, "cot"), "eva", "overlap/bleu_2").paper_change == pytest.approx(2.66 - 1.81)


def test_samples_show_every_variant_beside_the_human(inputs: ReportInputs) -> None:
    dialogues = sample_dialogues(inputs)
    assert [one.dialogue_id for one in dialogues] == ["esconv-0", "esconv-2"]
    turn = dialogues[0].turns[0]
    assert [answer.author for answer in turn.answers] == ["human", *synthetic.VARIANTS]
    assert [one.number for one in dialogues[0].turns] == [1, 3, 6, 8]
    assert turn.answers[-1].level == "L1 Listening and Observing"
    table = sample_table(dialogues)
    last = dict(zip(table["columns"], table["data"][len(turn.answers) - 1], strict=True))
    assert (last["dialogue"], last["turn"], last["author"]) == ("esconv-0", 1, synthetic.VARIANTS[-1])
    assert last["response"] == turn.answers[-1].text


def test_provenance_tells_once_what_is_shared(inputs: ReportInputs) -> None:
    found = provenance(inputs.scored)
    assert found.shared["model"] == "digest-1"
    assert found.shared["dialogues"] == "24"
    assert "variant" not in found.shared
    assert len(found.items) == 5


def copied(study: Path, to: Path) -> Path:
    shutil.copytree(study, to, dirs_exist_ok=True)
    return to


def test_variant_that_does_not_apply_has_a_row_without_numbers(study: Path, tmp_path: Path) -> None:
    folder = copied(study, tmp_path)
    item = "esconv-tiny-1-wo_ali"
    write_json(
        folder / "scores" / f"{item}.json", {"metrics": {}, "details": {}, "provenance": {}, "labels": []}
    )
    write_text(folder / "responses" / f"{item}.jsonl", "")
    (found,) = groups(inputs_of(folder))
    assert next(row for row in found.rows if row.variant == "wo_ali").cells == {}
    assert cell(found, "eva", "epitome/ip").versus == "better"


def test_without_the_baseline_nothing_is_compared(study: Path) -> None:
    (found,) = groups(inputs_of(study, baseline="nobody"))
    assert {c.versus for row in found.rows for c in row.cells.values()} == {None}


def test_missing_scores_are_refused_all_at_once(study: Path, tmp_path: Path) -> None:
    folder = copied(study, tmp_path)
    for variant in ("cot", "eva"):
        (folder / "scores" / f"esconv-tiny-1-{variant}.json").unlink()
    with pytest.raises(InputError, match=r"2 problems(.|\n)*1-cot\.json(.|\n)*1-eva\.json"):
        inputs_of(folder)


def test_what_another_profile_left_is_not_reported(study: Path, report: Report, tmp_path: Path) -> None:
    folder = copied(study, tmp_path)
    for kind in ("scores", "responses", "metrics/sft", "plots/sft"):
        for path in list((folder / kind).iterdir()):
            shutil.copy(path, path.with_name(path.name.replace("tiny", "other")))
    assert build(inputs_of(folder)).page == report.page


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes(report: Report, inputs: ReportInputs, tmp_path: Path) -> None:
    write(report, tmp_path / "first")
    write(build(inputs), tmp_path / "second")
    assert digest_path(tmp_path / "first") == digest_path(tmp_path / "second")


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_page_in_a_real_browser(report: Report, tmp_path: Path, width: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    write(report, tmp_path / "report")
    requests: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("request", lambda request: requests.append(request.url))
        page.goto((tmp_path / "report" / "index.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        sizes = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        boxes = page.evaluate(
            "[...document.querySelectorAll('.scroll')].map(b => b.getBoundingClientRect().right)"
        )
        smallest = page.evaluate(
            "Math.min(...[...document.querySelectorAll('svg text')]"
            ".map(text => text.getBoundingClientRect().height))"
        )
        names = page.evaluate(
            "Math.min(...[...document.querySelectorAll('tbody th')].map(h => h.offsetWidth))"
        )
        main = page.evaluate("(b => [b.scrollWidth, b.clientWidth])(document.querySelector('.comparison'))")
        browser.close()
    assert sizes[0] <= sizes[1], "no sideways scrolling of the page"
    assert all(right <= width for right in boxes), "wide tables scroll inside their box"
    assert smallest >= 8, "figures stay legible"
    assert names >= 60, "names of rows are not broken letter by letter"
    assert width < 1280 or main[0] <= main[1], "the comparison fits a laptop's screen whole"
    assert [url for url in requests if not url.startswith("file:")] == []
