"""What is written in a params file is one thing to every reader, or it is refused."""

import io
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from eva.errors import InputError
from eva.settings.reading import read_params
from eva.settings.yaml_file import parse_yaml


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("012", ("10", "12")),
        ("0o10", ('"0o10"', "8")),
        ("0b11", ("3", '"0b11"')),
        ("1_000", ("1000", '"1_000"')),
        ("1:30", ("90", '"1:30"')),
        ("yes", ("true", '"yes"')),
        ("No", ("false", '"No"')),
        ("off", ("false", '"off"')),
        ("2024-01-01", ('"2024-01-01"',)),
    ],
)
def test_a_value_that_two_versions_of_yaml_read_differently_is_named(
    text: str, choices: tuple[str, ...]
) -> None:
    _, problems = parse_yaml(f"sft:\n  lr: {text}\n", "params.yaml")
    assert list(problems) == ["sft.lr"]
    assert f"`sft.lr` is {text}, which YAML 1.1 reads as" in problems["sft.lr"]
    assert all(choice in problems["sft.lr"].rpartition("write ")[2] for choice in choices)


@pytest.mark.parametrize("text", ["1e-5", "2.0e-5", "1e5", "-.5", "7", "0.10", "0x1F", "true", "null", "~"])
def test_what_is_one_number_or_word_to_all_is_not(text: str) -> None:
    assert parse_yaml(f"lr: {text}", "params.yaml")[1] == {}


@pytest.mark.parametrize("text", ['"no"', "'012'", '"1:30"', "plain words", "data/raw/1_000", "v1"])
def test_text_is_text(text: str) -> None:
    value, problems = parse_yaml(f"title: {text}", "params.yaml")
    assert problems == {}
    assert value["title"] == text.strip("\"'")


def test_what_the_experiments_of_dvc_write_is_read(tmp_path: Path) -> None:
    """`dvc exp run -S sft.lr=0.00001` writes through this library, as 1e-05; YAML 1.1 takes that for text."""
    written = io.StringIO()
    YAML().dump({"sft": {"lr": 0.00001}}, written)
    assert yaml.safe_load(written.getvalue()) == {"sft": {"lr": "1e-05"}}
    (tmp_path / "params.yaml").write_text(written.getvalue())
    assert read_params(tmp_path / "params.yaml").raw == {"sft": {"lr": 0.00001}}


def test_names_of_rows_are_looked_at_too() -> None:
    _, problems = parse_yaml("variants: {no: {acquire: true}}", "params.yaml")
    assert list(problems) == ["variants.no"]


def test_every_key_that_is_written_twice_is_named_with_its_lines() -> None:
    text = "sft:\n  lr: 0.1\n  epochs: 2\n  lr: 0.2\ndpo: {r: 8, r: 9}\nsft: {}\n"
    _, problems = parse_yaml(text, "params.yaml")
    assert problems == {
        "sft": "`sft` is written twice, in lines 1 and 6: keep one of them",
        "sft.lr": "`sft.lr` is written twice, in lines 2 and 4: keep one of them",
        "dpo.r": "`dpo.r` is written twice, in lines 5 and 5: keep one of them",
    }


def test_what_is_no_yaml_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"params\.yaml: not valid YAML"):
        parse_yaml("sft: [", "params.yaml")
