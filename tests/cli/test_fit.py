"""`eva fit --profile`: what machine a profile asks for."""

import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Eva


@pytest.fixture
def checkout(here: Path, root: Path) -> Path:
    shutil.copy(root / "params.yaml", here)
    shutil.copytree(root / "profiles", here / "profiles")
    (here / "data").mkdir()
    (here / "data" / "sample").symlink_to(root / "data" / "sample")
    (here / "infra").symlink_to(root / "infra")
    return here


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("laptop", "of device memory; the smallest known is"),
        ("study", "esconv as published, since data/raw/esconv is not here"),
        ("gpu", "the smallest known is RTX 3090 24 GB"),
        ("paper", "8 GPUs with"),
    ],
)
def test_a_profile_says_which_card_disk_and_hours(eva: Eva, checkout: Path, profile: str, said: str) -> None:
    done = eva("fit", "--profile", profile)
    assert done.code == 0, done.err
    assert said in done.out
    assert "disk: " in done.out and "time" in done.out and " on H100 80 GB" in done.out


def test_the_paper_asks_for_more_than_a_terabyte(eva: Eva, checkout: Path) -> None:
    out = eva("fit", "--profile", "paper").out
    assert " TB at most" in out
    assert "unknown: the shape of mechat" in out


def test_a_profile_that_is_none(eva: Eva, checkout: Path) -> None:
    done = eva("fit", "--profile", "desktop")
    assert done.code == 2
    assert "desktop" in done.err and "laptop" in done.err
