"""`eva score` with scorers: labelled metrics, and scorers that label something else."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Eva, row, write_rows

pytestmark = pytest.mark.slow


@pytest.fixture
def responses(here: Path) -> Path:
    return write_rows(here / "ours.jsonl", [row(name, turn) for name in "abc" for turn in (1, 2)])


def test_all_families_with_scorers(eva: Eva, responses: Path, trained: Path) -> None:
    done = eva("score", responses, "--scorers", trained, "--baseline", responses, "--json", "scores.json")
    assert done.code == 0, done.err
    assert "left out" not in done.err
    written = json.loads(Path("scores.json").read_text())
    assert {"epitome/ip", "epitome/ex", "epitome/er", "evaeval/avg", "evaeval_joint"} <= set(
        written["metrics"]
    )
    assert set(written["provenance"]["scorers"]) == {"level", "epitome/ip", "epitome/ex", "epitome/er"}
    differences = written["comparison"]["differences"].values()
    assert any(one["measured"] for one in differences)
    assert not any(one["within_noise"] is False for one in differences), "a file differs from itself"
    assert "noise" in done.out.split("metric", 1)[1].splitlines()[0]


def test_one_scorer_is_enough_for_its_metric(eva: Eva, responses: Path, trained: Path, here: Path) -> None:
    shutil.copytree(trained / "epitome" / "er", here / "models" / "epitome" / "er")
    done = eva("score", responses)
    assert done.code == 0
    assert "epitome/er " in done.out
    assert "left out: epitome, evaeval" in done.err


@pytest.mark.parametrize(
    ("given", "wanted", "metric"),
    [
        ("epitome/er", "level_classifier", "evaeval"),
        ("epitome/er", "epitome/ip", "epitome/ip"),
        ("level_classifier", "epitome/ip", "epitome"),
    ],
)
def test_a_scorer_for_another_label_set(
    eva: Eva, responses: Path, trained: Path, here: Path, given: str, wanted: str, metric: str
) -> None:
    shutil.copytree(trained, here / "models")
    shutil.copy(here / "models" / given / "labels.json", here / "models" / wanted / "labels.json")
    before = {path for path in here.rglob("*") if path.is_file()}
    done = eva("score", responses, "--metrics", metric, "--json", "out.json")
    assert (done.code, done.out) == (2, "")
    kind = "level" if given == "level_classifier" else given
    assert f"score: 1 problem\n  - scorer models/{wanted}: it was trained for `{kind}`" in done.err
    assert {path for path in here.rglob("*") if path.is_file()} == before


def test_a_level_classifier_of_other_classes(eva: Eva, responses: Path, trained: Path, here: Path) -> None:
    shutil.copytree(trained, here / "models")
    labels = here / "models" / "level_classifier" / "labels.json"
    labels.write_text(json.dumps(json.loads(labels.read_text()) | {"labels": ["low", "high"]}))
    done = eva("score", responses, "--metrics", "evaeval")
    assert (done.code, done.out) == (2, "")
    assert "its labels are ['low', 'high']" in done.err


def test_a_level_classifier_without_its_reference(
    eva: Eva, responses: Path, trained: Path, here: Path
) -> None:
    shutil.copytree(trained, here / "models")
    (here / "models" / "level_classifier" / "reference.json").unlink()
    done = eva("score", responses, "--metrics", "evaeval")
    assert (done.code, done.out) == (2, "")
    assert "evaeval: no models/level_classifier/reference.json" in done.err


def test_v_may_come_from_a_preference_set(eva: Eva, responses: Path, trained: Path, here: Path) -> None:
    v = json.loads((trained / "level_classifier" / "reference.json").read_text())
    v["dialogues"] = [[[0, 0, 0, 9]] * 4]
    v["counts"] = {level: [0, 0, 0, 9] for level in "1234"}
    (here / "v.json").write_text(json.dumps(v))
    words = ("score", responses, "--scorers", trained, "--metrics", "evaeval", "--json")
    assert eva(*words, "own.json").code == 0
    done = eva(*words, "other.json", "--reference", "v.json")
    assert done.code == 0, done.err
    own, other = (json.loads(Path(name).read_text()) for name in ("own.json", "other.json"))
    assert own["metrics"]["evaeval/avg"] != other["metrics"]["evaeval/avg"]
    assert len(other["provenance"]["reference"]) == 64


def test_all_unfit_scorers_are_named_before_any_is_used(
    eva: Eva, responses: Path, trained: Path, here: Path
) -> None:
    """The first scorer is fine but its weights are damaged: whoever predicts first fails on them."""
    models = shutil.copytree(trained, here / "models")
    (models / "epitome" / "ip" / "model.safetensors").write_bytes(b"not weights")
    shutil.copy(models / "level_classifier" / "labels.json", models / "epitome" / "ex" / "labels.json")
    (models / "epitome" / "er" / "config.json").unlink()
    done = eva("score", responses, "--metrics", "epitome", "--json", "out.json")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: score: 2 problems\n"
        "  - scorer models/epitome/ex: it was trained for `level`, but `epitome/ex` is needed; "
        "give the right folder\n"
        "  - scorer models/epitome/er: no config.json: this is not a scorer trained by EVA\n"
    )
    assert not Path("out.json").exists()


def test_scorers_from_the_registry(
    eva: Eva, responses: Path, trained: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    done = eva("scorers", "register", trained, "--alias", "candidate")
    assert done.code == 0, done.err
    assert (
        "as models:/eva-scorers/1\nuse: eva score FILE.jsonl --scorers models:/eva-scorers@candidate"
        in done.out
    )
    words = ("score", responses, "--metrics", "epitome,evaeval", "--json")
    for out, given in (("registry.json", "models:/eva-scorers@candidate"), ("folder.json", trained)):
        assert eva(*words, out, "--scorers", given).code == 0
    registry, folder = (json.loads(Path(name).read_text()) for name in ("registry.json", "folder.json"))
    assert registry["provenance"].pop("scorers_from") == "models:/eva-scorers/1"
    assert registry == folder


def test_unfit_scorers_are_not_registered(eva: Eva, trained: Path, here: Path) -> None:
    models = shutil.copytree(trained, here / "models")
    (models / "epitome" / "er" / "model.safetensors").unlink()
    done = eva("scorers", "register", models)
    assert done.code == 2
    assert "models: 1 problem" in done.err
    assert not (here / "mlflow.db").exists()
    assert "no level_classifier/ and no epitome/" in eva("scorers", "register", here / "none").err
