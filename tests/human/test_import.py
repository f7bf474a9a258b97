"""From planted opinions to figures: `eva human export`, a program that fills, `eva human import`."""

import json
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Eva
from tests.human.conftest import Opinion, annotate, fill

from eva.human.key import Key

LABELS = ("win", "tie", "lose")


def imported(eva: Eva, *words: object) -> dict[str, Any]:
    done = eva("human", "import", "study", *words, "--json", "out.json")
    assert done.code == 0, done.err
    written: dict[str, Any] = json.loads(Path("out.json").read_text())
    return written


def exact_kappa(opinions: list[list[str]]) -> Fraction:
    """Fleiss' kappa of each item's labels, in fractions, from the definition."""
    pairs = [a == b for item in opinions for a, b in combinations(item, 2)]
    observed = Fraction(sum(pairs), len(pairs))
    everything = [label for item in opinions for label in item]
    chance = sum(Fraction(everything.count(label), len(everything)) ** 2 for label in set(everything))
    return (observed - chance) / (1 - chance)


def planted(place: int, criterion: str, rater: str) -> str:
    """60 % win in comfortness by all; other criteria by rater and place."""
    if criterion == "comfortness":
        return "win" if place % 10 < 6 else "tie" if place % 10 < 8 else "lose"
    return LABELS[(place * len(criterion) + place // 7 * int(rater[-1])) % 3]


def test_planted_shares_and_kappas_come_back_exactly(eva: Eva, systems: tuple[Path, Path]) -> None:
    assert eva("human", "export", *systems, "--out", "study", "--n", 50).code == 0
    key = fill(Path("study"), planted)
    metrics = imported(eva)["metrics"]
    together = []
    for criterion in key.form.criteria:
        name = criterion.name
        opinions = [[planted(i, name, rater) for rater in key.raters] for i in range(50)]
        flat = [label for item in opinions for label in item]
        for label in LABELS:
            found = metrics[f"human/{name}/{label}"]
            assert found["value"] == pytest.approx(100 * flat.count(label) / 150, abs=1e-12)
            assert (found["n"], found["unit"]) == (150, "percent")
            assert found["ci"][0] <= found["value"] <= found["ci"][1]
            agreed = sum(item.count(label) >= 2 for item in opinions)
            assert metrics[f"human/{name}/majority_{label}"]["value"] == pytest.approx(2 * agreed)
        net = 100 * (flat.count("win") - flat.count("lose")) / 150
        assert metrics[f"human/{name}/net"]["value"] == pytest.approx(net)
        assert metrics[f"human/{name}/kappa"]["value"] == pytest.approx(
            float(exact_kappa(opinions)), abs=1e-12
        )
        together += opinions
    assert metrics["human/kappa"]["value"] == pytest.approx(float(exact_kappa(together)), abs=1e-12)
    assert metrics["human/comfortness/win"]["value"] == 60
    assert metrics["human/comfortness/kappa"]["value"] == 1


def test_items_carry_votes_majority_and_score(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 6)
    votes = [
        ("win",) * 3,
        ("win", "win", "lose"),
        ("win", "tie", "lose"),
        ("tie",) * 3,
        ("lose",) * 3,
        ("tie", "tie", "win"),
    ]
    key = fill(Path("study"), lambda place, _, rater: votes[place][int(rater[-1]) - 1])
    rows = imported(eva)["items"]
    assert [row["fluency"]["majority"] for row in rows] == ["win", "win", "none", "tie", "lose", "tie"]
    assert [row["fluency"]["score"] for row in rows] == pytest.approx([1, 1 / 3, 0, 0, -1, 1 / 3])
    assert rows[1]["fluency"]["votes"] == {"win": 2, "tie": 0, "lose": 1}
    assert [(row["dialogue_id"], row["turn"]) for row in rows] == [(i.dialogue_id, i.turn) for i in key.items]


def test_swapping_the_files_swaps_win_and_lose(eva: Eva, systems: tuple[Path, Path]) -> None:
    """The same people, asked about B against A, prefer the same texts."""
    for order, better in ((systems, "win"), (systems[::-1], "lose")):
        eva("human", "export", *order, "--out", f"study-{better}", "--n", 20)
        fill(Path(f"study-{better}"), lambda *_, better=better: better)
        done = eva("human", "import", f"study-{better}", "--json", "out.json")
        assert f"win means: {order[0]} is better than {order[1]}" in done.out
        net = json.loads(Path("out.json").read_text())["metrics"]["human/fluency/net"]["value"]
        assert net == (100 if better == "win" else -100)


def test_a_rater_who_always_takes_the_left(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 40)
    key = Key.read(Path("study"))

    def left(place: int, *_: str) -> str:
        return "lose" if key.items[place].left else "win"

    fill(Path("study"), left)
    metrics = imported(eva)["metrics"]
    assert metrics["human/left"]["value"] == 100
    assert metrics["human/fluency/net"]["value"] == 0


def test_the_table_shows_what_lies_within_the_noise(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 50)
    fill(Path("study"), lambda i, name, _: "win" if name == "fluency" and i > 1 else LABELS[i % 2 * 2])
    out = eva("human", "import", "study").out
    lines = {line.split()[0]: line for line in out.partition("win - lose")[2].splitlines()[1:]}
    assert "better" in lines["fluency"]
    assert "within noise" in lines["comfortness"]
    assert " 98.00 " in next(
        line for line in out.splitlines() if line.startswith("fluency") and " win " in line
    )


@pytest.mark.parametrize("ask", [None, "comfort", "validation"])
def test_the_yes_no_sheet(eva: Eva, systems: tuple[Path, Path], ask: str | None) -> None:
    words = [] if ask is None else ["--ask", ask]
    eva("human", "export", systems[0], "--out", "study", "--n", 32, "--raters", 4, *words)

    def opinion(place: int, criterion: str, rater: str) -> str:
        return "yes" if place % 8 == 0 or (place % 8 <= 2 and int(rater[-1]) <= place % 8) else "no"

    key = fill(Path("study"), opinion)
    found = imported(eva)
    name = "emotional_validation" if ask == "validation" else "comfortness"
    assert [one.name for one in key.form.criteria] == [name]
    assert found["metrics"][f"human/{name}/yes"]["value"] == 100 * 4 * (4 + 1 + 2) / 128
    assert found["metrics"][f"human/{name}/majority_no"]["value"] == 75  # two of four are no majority
    opinions = [[opinion(i, name, rater) for rater in key.raters] for i in range(32)]
    assert found["metrics"][f"human/{name}/kappa"]["value"] == pytest.approx(float(exact_kappa(opinions)))
    assert "human/left" not in found["metrics"]
    assert found["items"][1][name]["score"] == 0.25


def test_label_studio_in_place_of_sheets(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 30)
    fill(Path("study"), planted)
    by_sheet = imported(eva)
    Path("export.json").write_text(json.dumps(annotate(Path("study"), 3, planted)))
    assert imported(eva, "export.json")["metrics"] == by_sheet["metrics"]


@pytest.mark.parametrize(("opinion", "raters"), [(lambda *_: "tie", 3), (planted, 1)])
def test_what_is_not_defined_is_named(
    eva: Eva, systems: tuple[Path, Path], opinion: Opinion, raters: int
) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 20, "--raters", raters)
    fill(Path("study"), opinion)
    done = eva("human", "import", "study", "--json", "out.json")
    written = json.loads(Path("out.json").read_text())
    assert "human/kappa" not in written["metrics"]
    assert "left out: human/fluency/kappa: needs two raters" in done.err
    assert ("human/left" in written["metrics"]) == (raters == 1)


def test_import_is_deterministic(eva: Eva, systems: tuple[Path, Path]) -> None:
    eva("human", "export", *systems, "--out", "study", "--n", 20)
    fill(Path("study"), planted)
    texts = []
    for _ in range(2):
        imported(eva, "--responses", systems[0], "--responses", systems[1])
        texts.append(Path("out.json").read_bytes())
    assert texts[0] == texts[1]
