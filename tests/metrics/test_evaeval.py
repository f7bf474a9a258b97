from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.recorded import RecordedScorers

from eva.artifacts import read_json, write_json
from eva.data.responses import Response
from eva.errors import InputError
from eva.metrics.compare import compare
from eva.metrics.families.evaeval import reference_noise
from eva.metrics.formulas import FORMS, all_distances, level_distances
from eva.metrics.score import ScoreResult, score
from eva.metrics.values import MetricValue
from eva.scorers.reference import LevelledTurn, Reference, profile, reference_from_levels
from eva.settings.evaluate_section import Evaluate
from eva.statistics.bootstrap import Resampling, infer_all, squared_intervals
from eva.statistics.estimators import Statistic, named
from eva.statistics.spread import difference, estimate

Rows = Callable[..., list[Response]]
NOTHING = np.zeros((1, 4, 4), dtype=np.int64)
TWIN = "evaeval_sum_corrected"


class Given:
    """Scorers that return what they were told."""

    def __init__(self, levels: Sequence[int], degrees: Sequence[int] = ()) -> None:
        self._levels, self._degrees = levels, degrees

    def problems(self, kinds: Iterable[str]) -> list[str]:
        return []

    def labels(self, kind: str, rows: Sequence[Response]) -> Sequence[int]:
        return self._levels if kind == "level" else self._degrees


def totals(counts: np.ndarray) -> np.ndarray:
    return profile(counts).sum(axis=0)[None]


def turns(levels: dict[str, list[int]]) -> list[LevelledTurn]:
    return [LevelledTurn(d, i, len(ls), level) for d, ls in levels.items() for i, level in enumerate(ls, 1)]


def run(
    make_rows: Rows, settings: Evaluate, system: dict[str, list[int]], gold: dict[str, list[int]]
) -> ScoreResult:
    rows = make_rows({name: ["hm"] * len(levels) for name, levels in system.items()})
    flat = [level for levels in system.values() for level in levels]
    reference = reference_from_levels(turns(gold))
    return score(rows, ["evaeval"], settings=settings, scorers=Given(flat), reference=reference)


def value(found: dict[str, MetricValue], name: str) -> float:
    return found[name].value


def test_by_hand(make_rows: Rows, settings: Evaluate) -> None:
    # V, level 1: all in the first quartile. T, level 1: half in the first, half in the last.
    result = run(make_rows, settings, {"a": [1, 2, 2, 1]}, {"x": [1, 2, 0, 2]})
    found = result.metrics
    assert value(found, "evaeval/level_1") == pytest.approx((0.5**2 + 0.5**2) / 4)
    # Level 2: T (0, .5, .5, 0), V (0, .5, 0, .5).
    assert value(found, "evaeval/level_2") == pytest.approx((0.5**2 + 0.5**2) / 4)
    assert value(found, "evaeval/level_3") == 0  # absent from both
    assert value(found, "evaeval/avg") == pytest.approx((0.125 + 0.125) / 4)
    assert value(found, "evaeval_sum/level_1") == pytest.approx(0.5)
    assert value(found, "evaeval_sum/avg") == pytest.approx(4 * value(found, "evaeval/avg"))
    # Joint: T has 1/4 in four cells, V 1/3 in three; three cells are common... less one.
    # T cells: 1q1 2q2 2q3 1q4. V cells: 1q1 2q2 2q4.
    expected = 2 * (1 / 4 - 1 / 3) ** 2 + 2 * (1 / 4) ** 2 + (1 / 3) ** 2
    assert value(found, "evaeval_joint") == pytest.approx(expected)
    assert found["evaeval/level_1"].n == 2
    assert found["evaeval/avg"].n == 4
    detail = result.details["evaeval"]
    assert detail["T"]["1"] == [0.5, 0, 0, 0.5]
    assert detail["V"]["2"] == [0, 0.5, 0, 0.5]
    assert detail["counts"]["2"] == [0, 1, 1, 0]
    assert (detail["n_none"], detail["reference_n_none"]) == (0, 1)


def test_per_dialogue_average_by_hand(make_rows: Rows, settings: Evaluate) -> None:
    # Dialogue a has level 1 in q1 and q4, b has no level 1: mean over dialogues (.25, 0, 0, .25).
    # Reference: x has level 1 in q1, so has y: (1, 0, 0, 0).
    system = {"a": [1, 2, 2, 1], "b": [2, 2, 2, 2]}
    found = run(make_rows, settings, system, {"x": [1, 3, 3, 3], "y": [1, 3, 3, 3]}).metrics
    assert value(found, "evaeval_dialogue/level_1") == pytest.approx((0.75**2 + 0.25**2) / 4)
    # Level 3 is absent: V = (0, 1/3, 1/3, 1/3) in both dialogues.
    assert value(found, "evaeval_dialogue/level_3") == pytest.approx(3 * (1 / 3) ** 2 / 4)


def test_the_reference_itself_gets_zero(make_rows: Rows, settings: Evaluate) -> None:
    gold = {"x": [1, 2, 3, 4, 4], "y": [1, 1, 0], "z": [2]}
    found = run(make_rows, settings, gold, gold).metrics
    plug_ins = [one.value for one in found.values() if not one.about.has_interval]
    assert (len(found), len(plug_ins)) == (22, 16)
    assert plug_ins == pytest.approx([0] * 16, abs=1e-15)


def test_an_absent_level_gets_the_mean_of_v_squared(make_rows: Rows, settings: Evaluate) -> None:
    found = run(make_rows, settings, {"a": [2, 2, 2, 2]}, {"x": [1, 1, 3, 1], "y": [1, 1]}).metrics
    v = np.array([1, 2, 0, 2]) / 5
    assert value(found, "evaeval/level_1") == pytest.approx((v**2).mean())
    assert found["evaeval/level_1"].n == 0


@pytest.mark.parametrize(
    ("level", "shape", "printed"),
    [
        (1, (0.41, 0.29, 0.18, 0.12), 0.3009),
        (2, (0.29, 0.26, 0.24, 0.21), 0.2532),
        (4, (0.09, 0.17, 0.27, 0.47), 0.3332),
    ],
)
def test_the_sum_form_gives_the_constants_of_the_paper(
    level: int, shape: tuple[float, ...], printed: float
) -> None:
    reference = NOTHING.copy()
    reference[0, level - 1] = np.round(100 * np.array(shape))
    distances = level_distances(FORMS["evaeval_sum"], totals(NOTHING), totals(reference))
    assert distances[0, level - 1] == pytest.approx(printed, abs=0.003)


def test_a_system_without_any_level_is_defined(make_rows: Rows, settings: Evaluate) -> None:
    found = run(make_rows, settings, {"a": [0], "b": [0, 0]}, {"x": [1], "y": [4]}).metrics
    assert all(np.isfinite(one.value) and not one.measured for one in found.values())
    assert value(found, "evaeval/level_1") == pytest.approx(0.25)
    empty = all_distances(totals(np.zeros((0, 4, 4), dtype=np.int64)), totals(NOTHING))
    assert all((values == 0).all() for values in empty.values())


def test_one_turn_dialogues_lie_in_the_last_quartile(make_rows: Rows, settings: Evaluate) -> None:
    result = run(make_rows, settings, {"a": [1], "b": [1]}, {"x": [1, 1]})
    assert result.details["evaeval"]["T"]["1"] == [0, 0, 0, 1]


def test_an_empty_response_has_no_level(make_rows: Rows, settings: Evaluate) -> None:
    reference = reference_from_levels(turns({"x": [1, 2]}))
    rows = make_rows({"a": ["", "hm"]})
    result = score(
        rows, ["evaeval", "epitome"], settings=settings, scorers=Given([1, 2], [2, 1]), reference=reference
    )
    assert result.details["evaeval"]["n_none"] == 1
    assert result.metrics["epitome/er"].value == 0.5
    assert result.labels[0] == {"dialogue_id": "a", "turn": 1, "level": 0, "ip": 0, "ex": 0, "er": 0}
    again = RecordedScorers.from_rows(result.labels)
    repeated = score(rows, ["evaeval", "epitome"], settings=settings, scorers=again, reference=reference)
    assert repeated.to_dict() == result.to_dict()


def test_noise_falls_with_dialogues_and_joint_sees_amounts() -> None:
    rng = np.random.default_rng(0)
    counts = rng.multinomial(8, np.full(16, 1 / 16), size=400).reshape(-1, 4, 4)
    reference = Reference(counts)
    small, large = (reference_noise(reference, n, seed=0).same_size["evaeval/avg"] for n in (10, 200))
    assert small[0] > 5 * large[0] > 0
    assert small[1] > small[0]
    tripled = counts.copy()
    tripled[:, 3] *= 3  # the same order, other amounts: only the joint form can tell
    distances = all_distances(totals(tripled), totals(counts))
    assert distances["evaeval/avg"][0] == pytest.approx(0)
    assert distances["evaeval_joint"][0] > 0.01


def test_reference_survives_its_file_and_refuses_an_edited_one(tmp_path: Path) -> None:
    reference = reference_from_levels(turns({"x": [1, 2, 0], "y": [4]}), {"labeller": "hand"})
    reference.write(tmp_path / "v.json")
    again = Reference.read(tmp_path / "v.json")
    assert again.to_dict() == reference.to_dict()
    assert again.provenance == {"labeller": "hand"}
    edited = read_json(tmp_path / "v.json") | {"counts": {"1": [9, 9, 9, 9]}}
    write_json(tmp_path / "v.json", edited)
    with pytest.raises(InputError, match="create it again"):
        Reference.read(tmp_path / "v.json")
    write_json(tmp_path / "v.json", {"levels": {}})
    with pytest.raises(InputError, match="`dialogues` is missing"):
        Reference.read(tmp_path / "v.json")
    with pytest.raises(InputError, match="no levelled turns"):
        reference_from_levels([])


def test_scorers_and_reference_are_asked_for_before_anything_runs(
    make_rows: Rows, settings: Evaluate
) -> None:
    with pytest.raises(InputError) as caught:
        score(make_rows({"a": ["x"]}), ["evaeval", "epitome", "overlap"], settings=settings)
    message = str(caught.value)
    assert "evaeval, epitome: needs trained scorers" in message
    assert "evaeval: needs the reference histogram V" in message
    assert "overlap: 1 of 1 rows have no `reference` (line 1)" in message


def test_a_scorer_of_another_label_set_is_refused(make_rows: Rows, settings: Evaluate) -> None:
    reference = reference_from_levels(turns({"x": [1]}))
    with pytest.raises(InputError, match="another label set"):
        score(
            make_rows({"a": ["x"]}), ["evaeval"], settings=settings, scorers=Given([7]), reference=reference
        )


def test_below_twenty_turns_of_a_level_nothing_is_measured(make_rows: Rows, settings: Evaluate) -> None:
    """The paper's value stays, without a verdict; a rare level leaves the average unmeasured too."""
    often = {f"d{i}": [1, 2, 3, 4] for i in range(20)}
    all_found = run(make_rows, settings, often, often)
    assert all(one.measured for one in all_found.metrics.values())
    rare = run(make_rows, settings, {**often, "d0": [1, 2, 3, 0]}, often)
    unmeasured = {name for name, one in rare.metrics.items() if not one.measured}
    assert unmeasured == {
        *(f"{form}/{part}" for form in (*FORMS, TWIN) for part in ("level_4", "avg")),
        "evaeval_joint",
        "evaeval_joint_corrected",
    }
    assert rare.metrics["evaeval_sum/level_4"].value is not None
    (found,) = [
        one
        for one in compare([rare.measured], [all_found.measured], Resampling.of(settings))
        if one.metric == f"{TWIN}/level_4"
    ]
    assert (found.measured, found.ci, found.p_value, found.verdict) == (False, None, None, None)


def test_only_the_corrected_forms_have_intervals_and_verdicts(make_rows: Rows, settings: Evaluate) -> None:
    rng = np.random.default_rng(0)
    people, system = (
        {f"d{i}": rng.permutation([1, 2, 3, 4] * 2).tolist() for i in range(30)} for _ in range(2)
    )
    one, other = run(make_rows, settings, system, people), run(make_rows, settings, people, people)
    for found in compare([one.measured], [other.measured], Resampling.of(settings)):
        assert (found.ci is None) == (found.p_value is None) == (found.verdict is None)
        assert (found.ci is not None) == found.metric.partition("/")[0].endswith("_corrected")
    twin = one.metrics[f"{TWIN}/avg"]
    assert twin.ci is not None and twin.value < one.metrics["evaeval_sum/avg"].value
    assert one.metrics["evaeval_sum/avg"].ci is None


def drawn_systems(trials: int) -> Iterator[tuple[Statistic, Statistic]]:
    """People, and people who lost seven in ten of levels 2 and 3, against V of equal timing: truth is 0."""
    rng = np.random.default_rng(1)
    shares = np.array([[5, 2, 1, 1], [3, 4, 2, 2], [1, 3, 3, 3], [1, 3, 4, 3]]) / 41
    for _ in range(trials):
        counts, v = (rng.multinomial(9, shares.ravel(), size=n).reshape(-1, 4, 4) for n in (60, 400))
        thinned = counts.copy()
        thinned[:, 1:3] = rng.binomial(counts[:, 1:3], 0.3)
        people, silent, reference = (one.reshape(-1, 16).astype(float) for one in (counts, thinned, v))
        yield tuple(
            Statistic(one, 1, named("evaeval_sum/avg"), second=reference, corrected=True)
            for one in (people, silent)
        )


def test_the_correction_takes_off_what_a_rare_level_adds() -> None:
    both = list(drawn_systems(150))
    plain = np.mean([[one.plug_in for one in pair] for pair in both], axis=0)
    corrected = np.array([[one.value for one in pair] for pair in both])
    assert plain[1] > 1.5 * plain[0] > 0.005, "the plug-in punishes silence"
    errors = corrected.std(axis=0) / 150**0.5
    assert np.abs(corrected.mean(axis=0) / errors).max() < 3.5, "within the error of 150 draws"


def test_silence_is_no_fault_of_timing_and_intervals_hold_it() -> None:
    """At most 5 % of the comparisons and of the intervals are wrong; 15 of 150 are three errors above."""
    both = list(drawn_systems(150))
    resampling = Resampling(499, 0.95, 0)
    found = infer_all(
        [difference([silent], [people]) for people, silent in both], resampling, difference=True
    )
    assert sum(one.p_value is not None and one.p_value < 0.05 for one in found) <= 15
    for place in (0, 1):
        own = [pair[place] for pair in both]
        estimates, plug_ins = [estimate([one]) for one in own], [one.plug_in for one in own]
        given = squared_intervals(estimates, plug_ins, resampling, (0, None))
        assert sum(ci is not None and ci[0] <= 0 for ci in given) >= 135


def test_short_dialogues_and_few_of_them_are_not_measured(make_rows: Rows, settings: Evaluate) -> None:
    """Two-turn dialogues cannot fill quarters; twenty turns of a level in five dialogues are five draws."""
    gold = {f"d{i}": [1, 2, 3, 4] for i in range(20)}
    short = run(make_rows, settings, {f"d{i}": [1 + i % 4, 1 + i % 3] for i in range(200)}, gold)
    assert not any(one.measured for one in short.metrics.values())
    many_in_few = {f"d{i}": [1, 2, 3, 4] * 4 for i in range(5)}
    assert not run(make_rows, settings, many_in_few, gold).metrics[f"{TWIN}/level_1"].measured
    assert not run(make_rows, settings, gold, many_in_few).metrics[f"{TWIN}/level_1"].measured


def test_what_short_dialogues_tell_instead(make_rows: Rows, settings: Evaluate) -> None:
    rows = make_rows({"a": ["x", "y"], "b": ["x"], "c": ["x", "y", "z"]})
    result = score(rows, ["level_turns"], settings=settings, scorers=Given([1, 4, 2, 1, 0, 4]))
    found = {name.partition("/")[2]: one.value for name, one in result.metrics.items()}
    assert found["first_1"] == pytest.approx(200 / 3)
    assert (found["first_2"], found["last_2"]) == (pytest.approx(100 / 3), pytest.approx(100 / 3))
    assert found["last_4"] == pytest.approx(200 / 3)
    assert result.details["level_turns"]["2"] == {"0": 1, "1": 0, "2": 0, "3": 0, "4": 1}
