"""No room on the disk: refused before anything is written, let alone a model loaded."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from tests.bad_input.conftest import Checkout

from eva.artifacts import require_disk_space
from eva.data.prepare import read_split
from eva.errors import InputError
from eva.models.backbones import materialise
from eva.settings.backbones_section import Backbone
from eva.settings.params_file import read_settings

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 1000, 1000))


def test_the_message(full_disk: None, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        require_disk_space(tmp_path / "not" / "there" / "yet", 2 * 10**9)
    said = str(caught.value)
    assert "needs 2.00 GB and 0.00 GB are free" in said
    assert "EVA_CHECKPOINTS" in said
    assert list(tmp_path.iterdir()) == []
    require_disk_space(tmp_path, 999)


@pytest.mark.slow
def test_acquisition(full_disk: None, checkout: Checkout, prepared: Path, unloadable: Path) -> None:
    from eva.training import sft

    settings = read_settings(checkout.path / "params.yaml").sft.model_copy(update={"warmup": 0.0})
    train, valid = (read_split(checkout.path / prepared, split)[:2] for split in ("train", "valid"))
    before, store = checkout.files(), checkout.path / "checkpoints"
    with pytest.raises(InputError, match=r"writing here needs .* GB"):
        sft.train(settings, train, valid, unloadable, checkout.path / "models/out", 1, store)
    assert checkout.files() == before


@pytest.mark.slow
def test_a_copied_backbone(full_disk: None, checkout: Checkout, tiny: Path) -> None:
    before = checkout.files()
    row = Backbone(role="causal", source="local", id=str(tiny))
    with pytest.raises(InputError, match="writing here needs"):
        materialise("tiny_llama", row, checkout.path / "models" / "backbone" / "tiny_llama")
    assert checkout.files() == before
