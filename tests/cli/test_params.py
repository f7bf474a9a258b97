"""`eva params`: a faulty file is one list of problems, and changes nothing."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Eva

from eva.settings.params_file import SECTIONS, Settings
from eva.settings.profiles import read_profile
from eva.settings.reference_table import entries


@pytest.fixture
def checkout(here: Path, root: Path) -> Path:
    """A folder with params.yaml, the profiles, and what the settings name."""
    shutil.copy(root / "params.yaml", here)
    shutil.copytree(root / "profiles", here / "profiles")
    for name in ("data/sample", "mlflow", "infra", "plugins"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).symlink_to(root / name)
    return here


@pytest.mark.parametrize("profile", ["laptop", "smoke"])
@pytest.mark.parametrize("form", ["{}", "profiles/{}.yaml"])
def test_check_accepts_a_profile_whose_data_is_here(
    eva: Eva, checkout: Path, profile: str, form: str
) -> None:
    done = eva("params", "check", form.format(profile))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"profile {profile}: fine")


@pytest.mark.parametrize("profile", ["study", "gpu"])
def test_check_of_a_profile_for_real_data_says_what_is_to_be_fetched(
    eva: Eva, checkout: Path, profile: str
) -> None:
    done = eva("params", "check", profile)
    assert done.code == 2
    keys = re.findall(r"(?m)^  - `([^`]+)`", done.err)
    assert keys == ["corpora.esconv.path", "corpora.ed.path", "data.evad", "data.epitome"]
    assert done.err.count("eva data fetch") == len(keys)


def test_check_in_a_subfolder_finds_the_project(
    eva: Eva, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(checkout / "deep" / "er")
    done = eva("params", "check")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("../../params.yaml: fine")


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
    assert "`dpo.betta` is not a setting. Nearest: `dpo.beta`" in done.err
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


def test_schema_as_json_describes_every_section(eva: Eva) -> None:
    done = eva("params", "schema", "--json")
    assert done.code == 0
    assert set(json.loads(done.out)["properties"]) == set(SECTIONS)


def test_schema_is_a_table_of_every_key(eva: Eva) -> None:
    done = eva("params", "schema")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert {key.partition(".")[0] for key in lines} == {"key", *SECTIONS}
    assert re.search(r"number, > 0, < 1 +peak learning rate", lines["sft.lr"])
    assert re.search(r"whole number or null, >= 1 +null +use the first N doc", lines["capability.limit"])
    assert "corpora.ROW.path" in lines


def test_schema_of_one_section(eva: Eva) -> None:
    done = eva("params", "schema", "dpo")
    assert all(line.startswith(("key", "dpo.")) for line in done.out.splitlines())
    assert "no key starts with 'dqo'" in eva("params", "schema", "dqo").err


def test_every_key_has_a_meaning() -> None:
    assert [entry.key for entry in entries(Settings) if not entry.meaning] == []


def test_show_prints_every_value_with_its_origin(eva: Eva, checkout: Path) -> None:
    text = (checkout / "params.yaml").read_text().replace("beta: 0.1", "beta: 0.3")
    (checkout / "params.yaml").write_text(text)
    done = eva("params", "show")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("params.yaml: profile laptop, 1 values changed by hand\n")
    assert re.search(r"(?m)^report\.baseline +base +laptop$", done.out)
    assert re.search(r"(?m)^dpo\.beta +0\.3 +changed here \(laptop: 0\.1\)$", done.out)
    changed = eva("params", "show", "--changed")
    assert [line.split()[0] for line in changed.out.splitlines()[1:]] == ["key", "dpo.beta"]


def test_show_of_a_profile(eva: Eva, checkout: Path) -> None:
    done = eva("params", "show", "study")
    assert re.search(r"(?m)^preferences\.recipe +public +study$", done.out)
    assert re.search(r"(?m)^report\.baseline +base +laptop$", done.out)


def test_use_writes_the_whole_profile(eva: Eva, checkout: Path) -> None:
    assert eva("params", "use", "study").code == 0
    written = yaml.safe_load((checkout / "params.yaml").read_text())
    assert written == read_profile(checkout / "profiles", "study").raw
    assert eva("params", "use", "laptop").code == 0
    assert (checkout / "params.yaml").read_bytes() == (checkout / "profiles" / "laptop.yaml").read_bytes()


def test_use_names_what_it_drops(eva: Eva, checkout: Path) -> None:
    text = (checkout / "params.yaml").read_text().replace("beta: 0.1", "beta: 0.3")
    (checkout / "params.yaml").write_text(text)
    done = eva("params", "use", "study")
    assert "lost, because it was changed by hand: dpo.beta 0.3 (laptop: 0.1)" in done.out


def test_use_in_a_subfolder(eva: Eva, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "deep").mkdir()
    monkeypatch.chdir(checkout / "deep")
    assert "../params.yaml is now profile smoke" in eva("params", "use", "smoke").out
    assert not (checkout / "deep" / "params.yaml").exists()


@pytest.mark.parametrize("profile", ["labtop", "broken", "../params"])
def test_use_of_what_is_no_profile_changes_nothing(eva: Eva, checkout: Path, profile: str) -> None:
    (checkout / "profiles" / "broken.yaml").write_text("matrix: {seeds: []}\n")
    before = (checkout / "params.yaml").read_bytes()
    left = sorted(path.name for path in checkout.iterdir())
    done = eva("params", "use", profile)
    assert (done.code, done.out) == (2, "")
    assert profile in done.err
    assert (checkout / "params.yaml").read_bytes() == before
    assert sorted(path.name for path in checkout.iterdir()) == left
