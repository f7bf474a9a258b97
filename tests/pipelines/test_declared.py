"""A stage reads the parameters that `dvc.yaml` declares for it, and a read of any other is an error."""

from pathlib import Path

import pytest
from pipelines.declared import UndeclaredError, declared_keys, recorded, section

from eva.settings.params_file import Settings, read_settings

ITEM = {"corpus": "esconv", "backbone": "smollm2", "seed": "1", "variant": "eva"}


@pytest.fixture
def settings(root: Path) -> Settings:
    return read_settings(root / "profiles" / "laptop.yaml")


def test_keys_of_an_item(root: Path, settings: Settings) -> None:
    keys = declared_keys("sft", ITEM, root / "dvc.yaml", settings)
    assert keys == ("sft", "variants.eva.acquire", "backbones.smollm2")
    of_minilm = declared_keys("backbone", {"backbone": "minilm"}, root / "dvc.yaml", settings)
    assert of_minilm == ("backbones.minilm",)
    assert "backbones.smollm2" in declared_keys("register", {}, root / "dvc.yaml", settings)


def test_the_record_holds_every_declared_key(settings: Settings) -> None:
    held = recorded(settings, ("register", "variants.eva.acquire", "validate"))
    assert held["variants.eva.acquire"] is True
    assert held["register"]["name"] == "eva-smollm2" and held["validate"]["min_turns"] == 2


def test_declared_parts_can_be_read(settings: Settings) -> None:
    keys = ("sft", "variants.eva.acquire", "backbones.smollm2")
    assert section(settings, "sft", "sft", keys) is settings.sft
    assert section(settings, "variants", "sft", keys)["eva"].acquire is True
    assert section(settings, "backbones", "sft", keys)["smollm2"].trainable is True


def test_undeclared_parts_cannot(settings: Settings) -> None:
    keys = ("variants.eva.acquire", "preferences.corpus")
    variants = section(settings, "variants", "sft", keys)
    with pytest.raises(
        UndeclaredError, match=r"stage sft reads `variants\.eva\.align`.*`params` of the stage"
    ):
        _ = variants["eva"].align
    with pytest.raises(UndeclaredError, match=r"`variants\.base`"):
        _ = variants["base"]
    with pytest.raises(UndeclaredError, match=r"`variants\.\*`"):
        list(variants)
    with pytest.raises(UndeclaredError, match=r"`preferences\.seed`"):
        _ = section(settings, "preferences", "validate", keys).seed
    with pytest.raises(UndeclaredError, match="section `dpo`"):
        section(settings, "dpo", "sft", keys)


def test_a_key_that_starts_with_a_declared_one_is_another(settings: Settings) -> None:
    with pytest.raises(UndeclaredError):
        _ = section(settings, "preferences", "validate", ("preferences.corp",)).corpus
