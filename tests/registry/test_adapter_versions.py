"""An adapter is registered without its base, pinned by the base's digest, and answers as the merged model."""

import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Eva, eva, here
from tests.export.conftest import aligned
from tests.export.test_export import merged_says
from tests.registry.packages import write_package
from tests.registry.test_registration import MESSAGES, adapter, backbone, workspace

from eva.errors import InputError
from eva.export.exporting import Order, export
from eva.export.formats import Format
from eva.registry.pushing import push
from eva.registry.registration import chat, load

__all__ = ["adapter", "aligned", "backbone", "eva", "here", "workspace"]

pytestmark = pytest.mark.slow


@pytest.fixture
def pushed(aligned: Path) -> Path:
    """A workspace with two versions of one model: merged, and the adapter alone."""
    push(aligned / "registry", aligned)
    write_package(aligned, "models/model", "models/adapter", form="adapter")
    assert push(aligned / "registry", aligned).uri == "models:/eva-tiny/2"
    return aligned


def test_adapter_with_base_merged_and_exported_say_the_same(pushed: Path) -> None:
    weights = sorted(path.name for path in (pushed / "mlruns").rglob("data/model/*.safetensors"))
    assert weights == ["adapter_model.safetensors", "model.safetensors"], "version 2 has no base"
    merged, alone = (chat(load(f"models:/eva-tiny/{n}", pushed), MESSAGES) for n in (1, 2))
    assert alone == merged
    export("models:/eva-tiny/2", Order(Format.merged), pushed / "out", pushed)
    export("models:/eva-tiny/1", Order(Format.merged), pushed / "same", pushed)
    assert merged_says(pushed / "out") == merged_says(pushed / "same")


def test_a_base_that_differs_or_is_missing_is_refused(eva: Eva, pushed: Path, backbone: Path) -> None:
    base = pushed / "models" / "model"
    base.unlink()
    with pytest.raises(InputError, match=r"its base models/model is missing; `dvc pull models/model`"):
        load("models:/eva-tiny/2", pushed)
    shutil.copytree(backbone, base)
    weights = bytearray((base / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (base / "model.safetensors").write_bytes(weights)
    said = eva("chat", "My sister moved away", "--model", "models:/eva-tiny/2")
    assert said.code == 2 and "but models/model is another model" in said.err
    assert eva("chat", "My sister moved away", "--model", "models:/eva-tiny/1").code == 0


def test_a_model_without_adapter_is_not_registered_as_one(aligned: Path) -> None:
    write_package(aligned, "models/model", form="adapter")
    with pytest.raises(InputError, match=r"has no adapter to register alone; set `register\.form: merged`"):
        push(aligned / "registry", aligned)
