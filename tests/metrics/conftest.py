"""Small systems to score."""

from collections.abc import Callable, Sequence

import pytest

from eva.data.responses import Response
from eva.settings.evaluate_section import Evaluate

ASK = ({"role": "user", "content": "I lost my job and I feel awful."},)


@pytest.fixture
def settings() -> Evaluate:
    return Evaluate(metrics=["overlap"], bootstrap=200, confidence=0.95, ngram=4, seed=3)


@pytest.fixture
def make_rows() -> Callable[..., list[Response]]:
    """`make_rows({"d1": ["text", ...]}, references={...})`: one row per text, in order."""

    def build(
        responses: dict[str, Sequence[str]], references: dict[str, Sequence[str]] | None = None
    ) -> list[Response]:
        rows = []
        for name, texts in responses.items():
            for turn, text in enumerate(texts, start=1):
                gold = references[name][turn - 1] if references else None
                slices = {"emotion": f"e{name}"}
                rows.append(Response(name, turn, len(texts), ASK, text, gold, slices, line=turn))
        return rows

    return build
