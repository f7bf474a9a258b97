"""The card says how certain each metric is, and what is known of licences."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.registry.packages import write_package
from tests.registry.standings import described

from eva.artifacts import write_json
from eva.metrics.values import MetricValue
from eva.registry.certainty import certainties
from eva.registry.licences import backbone_licence, corpus_licence
from eva.registry.model_card import model_card
from eva.settings.backbones_section import Backbone
from eva.settings.corpora_section import Corpus


def test_a_metric_has_its_interval_and_n(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    package = write_package(tmp_path, "model")
    scored = {"evaeval/avg": MetricValue(0.25, 40, (0.2, 0.31), True, described("evaeval/avg", False))}
    certain = certainties(scored, package.metrics, tmp_path / "absent.json")
    card = model_card(package, "as published", {"esconv": "for research"}, certain)
    assert "| evaluate/evaeval/avg | 0.25 | 0.2 to 0.31 | 40 |" in card
    assert "| esconv | for research |" in card
    assert "| evaluate/evaeval/avg | 0.25 |  |  |" in model_card(package, "", {}, {})


def test_alignment_and_safety_have_intervals_too(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    aligned = {
        "accuracy_after": 0.75,
        "accuracy_after_low": 0.6,
        "accuracy_after_high": 0.86,
        "valid_pairs": 40,
    }
    values = {"affirmed_sad": (0.5, [0.3, 0.7], 20), "affirmed_shift": (0.1, None, 1)}
    metrics = {f"dpo/{name}": float(value) for name, value in aligned.items()}
    metrics |= {f"safety/{name}": value for name, (value, _, _) in values.items()}
    file = {name: {"value": value, "interval": ci, "n": n} for name, (value, ci, n) in values.items()}
    write_json(tmp_path / "safety.json", {"values": file})
    package = replace(write_package(tmp_path, "model"), metrics=metrics)
    card = model_card(package, "", {}, certainties({}, metrics, tmp_path / "safety.json"))
    assert "| dpo/accuracy_after | 0.75 | 0.6 to 0.86 | 40 |" in card
    assert "accuracy_after_low" not in card and "| dpo/valid_pairs | 40 |  |  |" in card
    assert "| safety/affirmed_sad | 0.5 | 0.3 to 0.7 | 20 |" in card
    assert "| safety/affirmed_shift | 0.1 |  | 1 |" in card


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
