"""A faulty params.yaml: every command says all that is wrong with it and does nothing."""

import pytest
from tests.bad_input.conftest import Checkout

PREPARE = {
    "corpus": "esconv",
    "raw": "data/sample/esconv",
    "out": "data/prepared/esconv",
    "metrics": "metrics/prepare/esconv.json",
    "plugins": "plugins/corpora",
}


@pytest.fixture
def faulty(checkout: Checkout) -> Checkout:
    checkout.edit(dpo__betta=0.2, sft__epochs="two", generate__top_p=3)
    return checkout


def test_a_stage(faulty: Checkout) -> None:
    said = faulty.refusal("prepare", **PREPARE)
    assert "params.yaml: 3 problems" in said
    assert "`dpo.betta` is not a setting. Nearest: `dpo.beta`" in said
    assert '`sft.epochs` is "two": Input should be a valid number' in said
    assert "`generate.top_p` is 3: Input should be less than or equal to 1" in said
    assert not (faulty.path / "runs").exists()


def test_the_command_line(faulty: Checkout) -> None:
    before = faulty.files()
    done = faulty.run("eva", "params", "check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: params.yaml: 3 problems\n")
    assert faulty.files() == before


def test_values_that_would_fail_at_their_own_stage_are_found_before_any(checkout: Checkout) -> None:
    """Each of these once passed the check and failed hours later."""
    checkout.edit(
        evaluate__metrics=["blue"],
        dpo__processes=8,
        sft__launcher="torchrun",
        sft__deepspeed="infra/deepspeed/zero9.json",
        data__evad="data/sample/evad/no.json",
        capability__tasks=["everyday_senze"],
    )
    before = checkout.files()
    done = checkout.run("eva", "params", "check")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("  - ")]
    for key, why in {
        "evaluate.metrics": "'blue' is neither a metric",
        "dpo.processes": "`launcher: single` starts one process",
        "sft.deepspeed": "zero9.json is not a file",
        "data.evad": "no such file",
        "capability.tasks": "Nearest: everyday_sense",
    }.items():
        assert any(line.startswith(f"  - `{key}`") and why in line for line in lines), done.stderr
    assert checkout.files() == before


def test_a_corpus_folder_that_is_not_there(checkout: Checkout) -> None:
    said = checkout.refusal("prepare", **PREPARE | {"raw": "data/raw/esconv"})
    assert said == (
        "no such file or folder: --raw data/raw/esconv; `dvc repro` creates the outputs of stages, "
        "`eva data import DIR` or `eva data fetch` get corpora\n"
    )
    assert not (checkout.path / "runs").exists()
