"""The card says how certain each metric is, and what is known of licences."""

from pathlib import Path

import pytest
from tests.registry.packages import write_package
from tests.registry.standings import described

from eva.metrics.values import MetricValue
from eva.registry.licences import backbone_licence, corpus_licence
from eva.registry.model_card import model_card
from eva.settings.backbones_section import Backbone
from eva.settings.corpora_section import Corpus


def test_a_metric_has_its_interval_and_n(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    package = write_package(tmp_path, "model")
    scored = {"evaeval/avg": MetricValue(0.25, 40, (0.2, 0.31), True, described("evaeval/avg", False))}
    card = model_card(package, "as published", {"esconv": "for research"}, scored)
    assert "| evaluate/evaeval/avg | 0.25 | 0.2 to 0.31 | 40 |" in card
    assert "| esconv | for research |" in card
    assert "| evaluate/evaeval/avg | 0.25 |  |  |" in model_card(package, "", {}, {})


@pytest.mark.parametrize(
    ("kind", "path", "said"),
    [
        ("esconv", "data/sample/esconv", "Apache-2.0 (EVA's invented sample)"),
        ("esconv", "data/raw/esconv", "for academic research only"),
        ("empathetic_dialogues", "data/raw/ed", "CC BY-NC 4.0"),
        ("mine", "elsewhere", "unknown to EVA"),
    ],
)
def test_the_licence_of_a_corpus(kind: str, path: str, said: str) -> None:
    assert said in corpus_licence(Corpus(format=kind, path=Path(path), min_dialogues=1))


def test_the_licence_of_a_backbone_that_is_not_in_a_package() -> None:
    assert backbone_licence(Backbone(role="causal", source="random", id="llama")) == "none: random weights"
    local = Backbone(role="causal", source="local", id="models/mine")
    assert backbone_licence(local) == "unknown to EVA: ask the source of models/mine"
