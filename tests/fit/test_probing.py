"""The trials themselves, on a tiny shape: the real computation, and a rate that is one."""

import pytest

from eva.fit import probing
from eva.fit.architecture import from_config, known_models
from eva.fit.dvc_state import items_to_run
from eva.fit.startup import begin_all
from eva.fit.work import Kind

DECODER, ENCODER = (from_config(known_models()[name]) for name in ("llama", "roberta"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["forward", "train", "adapt"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_decoder_is_tried(kind: Kind, precision: probing.Format) -> None:
    assert probing.compute_rate(kind, DECODER, precision, 2, 64) > 1e6


@pytest.mark.slow
def test_an_encoder_and_the_rest_are_tried() -> None:
    assert probing.compute_rate("train", ENCODER, "fp32", 4, 16) > 1e6
    assert probing.decode_seconds(DECODER, "fp32", 2) > 0
    assert probing.update_rate() > 1e6
    assert probing.regression_rate() > 1e4


def test_a_large_model_is_tried_by_a_part_of_it() -> None:
    large = from_config(known_models()["mistralai/Mistral-7B-Instruct-v0.2"])
    part = probing._fewer(large)
    assert part.parameters < 0.06 * large.parameters
    assert (part.hidden, part.layer) == (large.hidden, large.layer)
    assert probing._fewer(DECODER) == DECODER


@pytest.mark.slow
def test_processes_begin() -> None:
    begun = begin_all()
    assert 0 < begun["light"].seconds < begun["models"].seconds
    assert begun["light"].memory < begun["training"].memory


def test_without_a_repository_everything_runs(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert items_to_run(tmp_path) is None
