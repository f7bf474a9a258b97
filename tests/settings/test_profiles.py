"""A profile is a difference from the base, merged into a whole params file that keeps its comments."""

from pathlib import Path

import pytest
import yaml

from eva.errors import InputError
from eva.settings.origins import DEFAULT, HAND, flat, nearest_profile, origins
from eva.settings.params_file import load_params
from eva.settings.profiles import BASE, profile_names, profile_text, read_profile


@pytest.fixture
def profiles(tmp_path: Path, root: Path) -> Path:
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / f"{BASE}.yaml").write_text((root / "profiles" / f"{BASE}.yaml").read_text())
    return folder


def _mine(profiles: Path, text: str) -> dict[str, object]:
    (profiles / "mine.yaml").write_text(text)
    whole: dict[str, object] = yaml.safe_load(profile_text(profiles, "mine"))
    return flat(whole)


def _base(profiles: Path) -> dict[str, object]:
    return flat(read_profile(profiles, BASE).raw)


def test_the_base_is_what_it_is(profiles: Path) -> None:
    assert profile_text(profiles, BASE) == (profiles / f"{BASE}.yaml").read_text()


def test_only_what_the_difference_says_differs(profiles: Path) -> None:
    whole = _mine(profiles, "sft: {lr: 3.0e-5, max_train: 7}\nmatrix: {seeds: [1, 2]}\n")
    changed = {"sft.lr": 3.0e-5, "sft.max_train": 7, "matrix.seeds": [1, 2]}
    assert whole == {**_base(profiles), **changed}


def test_every_profile_that_is_shown_gives_responses_room_to_end(root: Path) -> None:
    for name in set(profile_names(root / "profiles")) - {"smoke"}:  # of random models, and shown to nobody
        found = flat(yaml.safe_load(profile_text(root / "profiles", name)))
        assert min(found["generate.max_new_tokens"], found["generate.cot_max_new_tokens"]) >= 200, name


def test_null_is_a_value_in_a_section_and_takes_a_row_out_of_a_table(profiles: Path) -> None:
    whole = _mine(profiles, "preferences: {max_pairs: null}\nvariants: {cot: null, wo_acq: {prompt: cot}}\n")
    base = _base(profiles)
    gone = {key for key in base if key.startswith("variants.cot.")}
    kept = {key: value for key, value in base.items() if key not in gone}
    assert whole == {**kept, "preferences.max_pairs": None, "variants.wo_acq.prompt": "cot"}


def test_a_row_can_be_added(profiles: Path) -> None:
    text = "backbones:\n  other: {role: causal, source: random, id: llama}  # mine\n"
    (profiles / "mine.yaml").write_text(text)
    written = profile_text(profiles, "mine")
    assert "  other: {role: causal, source: random, id: llama}  # mine\n\nvariants:" in written
    assert load_params(read_profile(profiles, "mine")).backbones["other"].id == "llama"


def test_comments_stay_and_those_of_the_difference_go_before(profiles: Path) -> None:
    (profiles / "mine.yaml").write_text("# mine: a trial\n\nsft:\n  epochs: 9\n  lr: 1.0e-5  # lower\n")
    written = profile_text(profiles, "mine")
    assert written.startswith("# mine: a trial\n\nmatrix:                      # training and evaluation")
    assert "lr: 1.0e-5" in written and "# lower" in written
    assert "max_train: 16              # dialogues; null: all" in written
    assert "laptop: the whole method" not in written


@pytest.mark.parametrize("profile", ["smoke", "study", "paper"])
def test_what_is_written_is_laid_out_as_the_base_is(root: Path, profile: str) -> None:
    lines = profile_text(root / "profiles", profile).splitlines()
    starts = [i for i, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert all(lines[i - 1] == "" and lines[i - 2] != "" for i in starts)
    assert sum(line == "" for line in lines) == len(starts)


def test_a_row_that_is_not_there_cannot_be_taken_out(profiles: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml(?s:.*)`variants\.nothing` is null"):
        _mine(profiles, "variants: {nothing: null}\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sft: [", "not valid YAML"),
        ("- 1", "expected a mapping"),
        ("sft: {lr: 1, lr: 2}", "written twice"),
        ("sft: {r: 012}", "YAML 1.1"),
    ],
)
def test_a_difference_that_is_wrong_says_where(profiles: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=rf"mine\.yaml(?s:.*){why}"):
        _mine(profiles, text)


def test_names_come_with_the_base_first(root: Path) -> None:
    assert profile_names(root / "profiles")[0] == BASE


def test_every_value_has_its_origin(root: Path) -> None:
    profiles = root / "profiles"
    raw = yaml.safe_load(profile_text(profiles, "study"))
    raw["dpo"]["beta"] = 0.3
    raw["dpo"]["extra"] = {"max_grad_norm": 0.5}
    del raw["report"]["samples"]
    del raw["sft"]["precision"]
    assert nearest_profile(profiles, raw) == "study"
    found = {one.key: one for one in origins(profiles, "study", raw)}
    assert (found["report.baseline"].source, found["report.baseline"].value) == (BASE, "base")
    assert found["preferences.recipe"].source == "study"
    assert (found["dpo.beta"].source, found["dpo.beta"].note) == (HAND, "study: 0.1")
    assert (found["dpo.extra.max_grad_norm"].source) == HAND
    assert (found["report.samples"].value, found["report.samples"].note) == ("not there", "study: 3")
    assert (found["sft.processes"].source, found["sft.processes"].value) == (BASE, "1")
    assert (found["backbones.smollm2.trainable"].source, found["backbones.smollm2.trainable"].value) == (
        DEFAULT,
        "true",
    )
    assert not [key for key in found if ".endpoint." in key]
    assert found.keys() >= flat(raw).keys()
