"""Every profile is valid, and every error is one clear list."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from eva.errors import InputError
from eva.settings.origins import flat
from eva.settings.params_file import load_settings, read_settings
from eva.settings.prepare_section import Prepare
from eva.settings.profiles import BASE, profile_names, profile_settings, read_difference, read_profile
from eva.settings.reading import read_sections
from eva.settings.register_section import Register
from eva.settings.section import Name
from eva.settings.variants_section import Variant

ROOT = Path(__file__).resolve().parents[2]
PROFILES = profile_names(ROOT / "profiles")


@pytest.fixture
def raw() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "profiles" / "laptop.yaml").read_text())


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_is_valid(profile: str) -> None:
    assert profile_settings(ROOT / "profiles", profile).variants


def test_params_are_the_laptop_profile() -> None:
    assert (ROOT / "params.yaml").read_text() == (ROOT / "profiles" / "laptop.yaml").read_text()


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != BASE])
def test_a_profile_holds_nothing_that_the_base_says_too(profile: str) -> None:
    base = flat(read_profile(ROOT / "profiles", BASE).raw)
    same = [
        key
        for key, value in flat(read_difference(ROOT / "profiles", profile)).items()
        if key in base and repr(base[key]) == repr(value)
    ]
    assert not same


def test_all_problems_come_at_once_with_key_value_range_and_nearest_key(raw: dict[str, Any]) -> None:
    raw["dpo"]["betta"] = 0.2
    raw["sft"]["lr"] = "fast"
    raw["evaluate"]["confidence"] = 3
    del raw["generate"]["top_p"]
    with pytest.raises(InputError) as caught:
        load_settings(raw, "params.yaml")
    message = str(caught.value)
    assert "params.yaml: 4 problems" in message
    assert "`dpo.betta` is not a setting. Nearest: `dpo.beta`" in message
    assert '`sft.lr` is "fast"' in message
    assert re.search(r"`evaluate.confidence` is 3: .*< 1", message)
    assert "`generate.top_p` is missing" in message


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("matrix", "corpora", ["esconvv"], "`matrix.corpora` names 'esconvv', which does not exist"),
        ("matrix", "backbones", ["minilm"], "`matrix.backbones` names 'minilm'"),
        ("epitome", "encoder", "smollm2", "`epitome.encoder` names 'smollm2'"),
        ("level_classifier", "probe", "smol", "`level_classifier.probe` names 'smol'"),
        ("epitome", "probe", "smol", "`epitome.probe` names 'smol'"),
        ("epitome", "probe", "minilm", "`epitome.probe` and `epitome.encoder` are both 'minilm'"),
        ("level_classifier", "probe", "minilm", "are both 'minilm': name another backbone as `probe`"),
        ("register", "seed", 9, "`register.seed` is 9, not in `matrix.seeds`"),
        ("register", "variant", "evaa", "`register.variant` names 'evaa'"),
    ],
)
def test_names_that_point_nowhere(
    raw: dict[str, Any], section: str, key: str, value: Any, message: str
) -> None:
    raw[section][key] = value
    with pytest.raises(InputError, match=re.escape(message)):
        load_settings(raw)


def test_a_set_is_of_the_corpus_of_its_collection(raw: dict[str, Any]) -> None:
    raw["collect"] = {"mine": {"corpus": "esconv", "model": "models/backbone/smollm2"}}
    raw["curate"] = {"mine": {"corpus": "ed", "collection": "mine", "ranking": "ranked.jsonl"}}
    with pytest.raises(InputError, match=r"`curate.mine.corpus` is 'ed', its collection's 'esconv'"):
        load_settings(raw)


def test_a_stage_reads_its_sections_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("report: not even a mapping\nregister: {}\nvariants: {base: {acquire: no, align: 3}}\n")
    with pytest.raises(InputError) as caught:
        read_sections(path, {"variants": dict[Name, Variant], "prepare": Prepare, "register": Register})
    message = str(caught.value)
    assert "`variants.base.align` is 3" in message
    assert "`prepare` is missing" in message
    assert "`register.corpus` is missing" in message
    assert "report" not in message.replace(str(path), "")


def test_an_unpinned_download_is_refused(raw: dict[str, Any]) -> None:
    raw["backbones"]["smollm2"]["revision"] = None
    with pytest.raises(InputError, match="needs `revision`"):
        load_settings(raw)


def test_settings_are_frozen() -> None:
    settings = read_settings(ROOT / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        settings.dpo.beta = 1.0


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="eva params use laptop"):
        read_settings(tmp_path / "params.yaml")
