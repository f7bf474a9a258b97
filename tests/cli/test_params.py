"""`eva params`: a faulty file is one list of problems, and changes nothing."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Eva

from eva.settings.params_file import SECTIONS


@pytest.fixture
def checkout(here: Path, root: Path) -> Path:
    """A folder with params.yaml and the profiles."""
    shutil.copy(root / "params.yaml", here)
    shutil.copytree(root / "profiles", here / "profiles")
    return here


@pytest.mark.parametrize("profile", ["laptop", "smoke", "study", "paper"])
def test_check_accepts_every_profile(eva: Eva, root: Path, profile: str) -> None:
    done = eva("params", "check", root / "profiles" / f"{profile}.yaml")
    assert (done.code, done.err) == (0, "")
    assert "fine" in done.out


def test_check_lists_every_problem(eva: Eva, checkout: Path) -> None:
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    params["dpo"]["betta"] = 0.2
    params["sft"]["epochs"] = "two"
    params["matrix"]["seeds"] = [-1]
    (checkout / "params.yaml").write_text(yaml.safe_dump(params))
    done = eva("params", "check")
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("error: params.yaml: 3 problems\n")
    assert "`dpo.betta` is not a key. Nearest: `dpo.beta`" in done.err
    assert '`sft.epochs` is "two"' in done.err
    assert "`matrix.seeds.0` is -1" in done.err


@pytest.mark.parametrize(
    ("text", "said"), [("sft: [", "not valid YAML"), ("- 1", "expected a mapping of sections, got list")]
)
def test_check_of_a_file_that_is_no_mapping(eva: Eva, here: Path, text: str, said: str) -> None:
    (here / "params.yaml").write_text(text)
    done = eva("params", "check")
    assert done.code == 2
    assert said in done.err


def test_check_without_a_file(eva: Eva) -> None:
    done = eva("params", "check")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: params.yaml: no such file; `eva params use laptop` writes one\n"


def test_schema_describes_every_section(eva: Eva) -> None:
    done = eva("params", "schema")
    assert done.code == 0
    properties = json.loads(done.out)["properties"]
    assert {name.rstrip("_") for name in properties} == set(SECTIONS)


def test_use_copies_a_profile(eva: Eva, checkout: Path) -> None:
    assert eva("params", "use", "study").code == 0
    assert (checkout / "params.yaml").read_bytes() == (checkout / "profiles" / "study.yaml").read_bytes()


@pytest.mark.parametrize("profile", ["labtop", "broken", "../params"])
def test_use_of_what_is_no_profile_changes_nothing(eva: Eva, checkout: Path, profile: str) -> None:
    (checkout / "profiles" / "broken.yaml").write_text("matrix: {}\n")
    before = (checkout / "params.yaml").read_bytes()
    done = eva("params", "use", profile)
    assert (done.code, done.out) == (2, "")
    assert profile in done.err
    assert (checkout / "params.yaml").read_bytes() == before
    assert sorted(path.name for path in checkout.iterdir()) == ["params.yaml", "profiles"]
