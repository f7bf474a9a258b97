"""A judge model behind an endpoint."""

from pathlib import Path

import pytest
from tests.collection.test_curating import CANDIDATES
from tests.endpoint.conftest import key  # noqa: F401
from tests.endpoint.server import serving

from eva.collection.ranking import rank_by_judge, read_order
from eva.errors import InputError
from eva.generation.answers import Answers
from eva.models.endpoint import Served
from eva.settings.backbones_section import Endpoint


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("B > A > C", [1, 0, 2]),
        ("The order is: C, B, A.", [2, 1, 0]),
        ("B > A", None),
        ("B > A > A", None),
        ("A is best. A > B > C", None),
    ],
)
def test_an_order_names_each_letter_once(text: str, order: list[int] | None) -> None:
    assert read_order(text, 3) == order


def test_a_judge_sees_letters_and_its_order_is_that_of_the_candidates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = CANDIDATES[:8]
    with serving(tmp_path / "journal.jsonl", says="D > C > B > A") as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        served = Served.here("served-model", Endpoint(retries=0))
        ranked = rank_by_judge(own, served, Answers(tmp_path / "answers"), 0)
        again = rank_by_judge(own, served, Answers(tmp_path / "answers"), 0)
        bodies = [entry["body"]["messages"][1]["content"] for entry in running.asked]
    assert again == ranked
    assert len(bodies) == 2
    last = next(one for one in own if one.candidate == ranked[0].order[0])
    assert any(f"D: {last.text}" in body for body in bodies)
    assert {one.ranker for one in ranked} == {"judge:served-model"}
    assert "model-x" not in "".join(bodies)


def test_a_judge_that_orders_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path / "journal.jsonl", says="All are fine.") as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        served = Served.here("served-model", Endpoint(retries=0))
        with pytest.raises(InputError, match="none of 2 answers orders the candidates"):
            rank_by_judge(CANDIDATES[:8], served, Answers(tmp_path / "answers"), 0)
