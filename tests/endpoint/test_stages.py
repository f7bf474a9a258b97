"""A served model as a row of `backbones`: only what needs no training applies to it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from tests.bad_input.conftest import Checkout
from tests.endpoint.conftest import dialogue
from tests.endpoint.server import KEY, Served, serving

from eva.artifacts import read_json, write_jsonl
from eva.errors import InputError
from eva.settings.params_file import load_settings
from eva.settings.profiles import read_profile

ROW = {"role": "causal", "source": "endpoint", "id": "served-model", "trainable": False}


@pytest.fixture
def checkout(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """The smoke profile with the row `api`, and a prepared corpus."""
    made = Checkout(tmp_path, root)
    params = read_profile(root / "profiles", "smoke").raw
    params["backbones"]["api"] = {**ROW, "endpoint": {"concurrency": 2, "input_price": 1, "output_price": 1}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    write_jsonl(tmp_path / "prepared" / "test.jsonl", [dialogue(name, 2).to_dict() for name in "ab"])
    shutil.copytree(root / "data" / "sample" / "evad", tmp_path / "evad")
    return made


def stage(checkout: Checkout, name: str, /, **arguments: object) -> None:
    done = checkout.stage(name, **arguments)
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr


def chain(checkout: Checkout, variant: str) -> Path:
    """The stages of one variant; returns where its responses are."""
    item = {"corpus": "esconv", "backbone": "api", "seed": 1, "variant": variant}
    made = {"metrics": f"{variant}/metrics.json", "plots": f"{variant}/curve.csv"}
    stage(checkout, "sft", **item, prepared="prepared", model="api", out=f"{variant}/sft", **made)
    stage(checkout, "dpo", **item, preferences="pairs", start=f"{variant}/sft", out=f"{variant}/dpo", **made)
    stage(
        checkout, "generate", **item, prepared="prepared", policy=f"{variant}/dpo", metrics=made["metrics"],
        out=f"{variant}/responses.jsonl", provenance=f"{variant}/provenance.json",
    )  # fmt: skip
    return checkout.path / variant / "responses.jsonl"


@pytest.mark.slow
def test_what_needs_no_training_answers_and_the_rest_does_not_apply(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(tmp_path / "log", says="So it is. Response: That is hard.") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        stage(checkout, "backbone", backbone="api", out="api")
        stage(
            checkout, "preferences", backbone="api", prepared="prepared", evad="evad/EVAD.json", model="api",
            encoder="api", out="pairs", metrics="pairs.json",
        )  # fmt: skip
        responses = {variant: chain(checkout, variant) for variant in ("cot", "wo_acq")}
    said = [json.loads(line)["response"] for line in responses["cot"].read_text().splitlines()]
    assert said == ["That is hard."] * 4
    assert responses["wo_acq"].read_text() == ""
    assert "generation only" in read_json(responses["wo_acq"].parent / "provenance.json")["inapplicable"]
    assert read_json(responses["cot"].parent / "metrics.json")["cost"] > 0
    _key_is_nowhere(checkout, server)


def _key_is_nowhere(checkout: Checkout, server: Served) -> None:
    files = [path for path in checkout.path.rglob("*") if path.is_file()]
    assert server.url in (checkout.path / "api" / "endpoint.json").read_text()
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize("change", [{"role": "encoder"}, {"trainable": True}])
def test_what_an_endpoint_cannot_be(root: Path, change: dict[str, object]) -> None:
    params = read_profile(root / "profiles", "smoke").raw
    params["backbones"]["api"] = {**ROW, **change}
    with pytest.raises(InputError, match="a model at an endpoint can only generate"):
        load_settings(params)
