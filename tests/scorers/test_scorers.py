"""Scorers from their folders, as `score` uses them."""

import shutil
from pathlib import Path

import pytest
from tests.models.broken import tensors
from tests.scorers.conftest import Models

from eva.data.dialogue import Dialogue, supporter_turns
from eva.data.responses import Response
from eva.errors import InputError
from eva.metrics.score import score
from eva.scorers.trained import Scorers
from eva.settings.evaluate_section import Evaluate


@pytest.fixture(scope="module")
def rows(splits: dict[str, list[Dialogue]]) -> list[Response]:
    return [Response.at(turn, turn.gold.content) for turn in supporter_turns(splits["test"])]


def test_levels_of_human_turns(
    models: Models, rows: list[Response], splits: dict[str, list[Dialogue]]
) -> None:
    found = Scorers.below(models.folder).labels("level", rows)
    truth = [turn.gold.weak_level for turn in supporter_turns(splits["test"])]
    assert sum(a == b for a, b in zip(found, truth, strict=True)) > 0.8 * len(rows)
    assert Scorers.below(models.folder).labels("level", rows[::-1]) == found[::-1]


def test_degrees_read_the_post_and_the_response(models: Models) -> None:
    def row(response: str) -> Response:
        return Response("d", 1, 1, ({"role": "user", "content": "post 3 of mine"},), response)

    found = Scorers.below(models.folder).labels(
        "epitome/ip", [row("so it goes"), row("why? why? so it goes")]
    )
    assert found == [0, 2]


def test_score_takes_them(models: Models, rows: list[Response]) -> None:
    scorers = Scorers.below(models.folder)
    settings = Evaluate(metrics=["evaeval"], bootstrap=20, confidence=0.95, ngram=4)
    result = score(
        rows, ["evaeval", "epitome/ip"], settings=settings, scorers=scorers,
        reference=scorers.reference(), provenance=scorers.provenance(),
    )  # fmt: skip
    assert 0 <= result.metrics["epitome/ip"].value <= 2
    assert result.metrics["evaeval/avg"].n > 0
    assert set(result.provenance["scorers"]) == {"level", "epitome/ip"}


def test_only_what_is_asked_for_is_loaded(models: Models, rows: list[Response], tmp_path: Path) -> None:
    shutil.copytree(models.folder / "level_classifier", tmp_path / "level_classifier")
    scorers = Scorers.below(tmp_path)
    assert len(scorers.labels("level", rows)) == len(rows)
    with pytest.raises(InputError, match="no such folder"):
        scorers.labels("epitome/ip", rows)


def test_a_labeller_that_lacks_a_fold_is_refused(
    models: Models, rows: list[Response], tmp_path: Path
) -> None:
    folder = shutil.copytree(models.folder, tmp_path / "models")
    shutil.rmtree(folder / "level_classifier" / "fold_2")
    assert any("fold_2: no such folder" in text for text in Scorers.below(folder).problems(["level"]))
    with pytest.raises(InputError, match="fold_2: no such folder"):
        Scorers.below(folder).labels("level", rows)


def test_folders_mixed_up(models: Models, rows: list[Response]) -> None:
    with pytest.raises(InputError, match="trained for `epitome/ip`, but `level` is needed"):
        Scorers(models.folder / "epitome" / "ip", models.folder / "epitome").labels("level", rows)
    with pytest.raises(InputError, match="when the level classifier is trained"):
        Scorers(models.folder / "epitome" / "ip", models.folder / "epitome").reference()


def test_weights_that_do_not_fit_are_refused(models: Models, rows: list[Response], tmp_path: Path) -> None:
    """A layer that is not found would be filled with random numbers, and every response get a label."""
    weights = Path("level_classifier", "model.safetensors")
    for part in (
        weights,
        Path("level_classifier", "fold_2", "model.safetensors"),
        Path("level_classifier", "probe", "model.safetensors"),
    ):
        folder = shutil.copytree(models.folder, tmp_path / part.parent.name)
        tensors(folder / part, lambda found: {f"{name}_": tensor for name, tensor in found.items()})
        with pytest.raises(InputError, match=r"missing from the weights"):
            Scorers.below(folder).labels("level", rows)
