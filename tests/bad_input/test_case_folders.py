"""Inputs of real users, a folder of cases beside the repository, each through its command line.

A folder that is new there fails here until somebody says what must happen to it.
"""

import json
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pipelines.runner import main as stage
from tests.bad_input.conftest import Checkout
from tests.cli.conftest import Eva, Outcome, eva, here

__all__ = ["eva", "here"]

pytestmark = pytest.mark.slow

# Kinds that need servers, another processor or many files: the test that feeds them.
ELSEWHERE = {
    "endpoint": "tests/endpoint/test_shapes.py",
    "bf16_on_cpu": "tests/devices/test_precision.py",
    "proxy": "tests/contracts/test_loopback.py",
    "special_tokens_in_text": "tests/models/test_control_tokens.py",
}


@dataclass(frozen=True)
class Desk:
    """Where a case is tried: its folder, a checkout, and the two command lines."""

    case: Path
    checkout: Checkout
    eva: Eva
    stage: Callable[..., Outcome]

    def backbone(self) -> Outcome:
        """Stage `backbone` on the case's model."""
        row = {"role": "causal", "source": "local", "id": str(self.case / "model")}
        self.checkout.edit(backbones__tiny_llama=row)
        return self.stage("backbone", "tiny_llama", "--out", "models/backbone/tiny_llama")

    def score(self, file: str, *words: str) -> Outcome:
        """`eva score` on a file of the case."""
        return self.eva("score", self.case / file, "--metrics", "overlap,diversity,length", *words)

    def prepare(self, corpus: str = "esconv") -> Outcome:
        """Stage `prepare` on the case's corpus."""
        Path("plugins").mkdir(exist_ok=True)
        words = ("--raw", str(self.case / corpus), "--plugins", "plugins", "--metrics", "m.json")
        return self.stage("prepare", corpus, *words, "--out", "prepared")

    def check(self, **changes: Any) -> Outcome:
        """`eva params check` after changes of the settings."""
        self.checkout.edit(**changes)
        return self.eva("params", "check")


@pytest.fixture
def cases(root: Path) -> Path:
    folder = root.parent / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    return folder


@pytest.fixture
def desk(
    cases: Path,
    checkout: Checkout,
    eva: Eva,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> Desk:
    if not (cases / request.param).is_dir():
        pytest.skip(f"no case {request.param}")
    monkeypatch.chdir(checkout.path)
    caplog.set_level(logging.INFO)

    def run(*words: str) -> Outcome:
        caplog.clear()
        code = stage(words)
        return Outcome(code, "", caplog.text)

    return Desk(cases / request.param, checkout, eva, run)


def refused(done: Outcome, said: str) -> None:
    assert done.code == 2, done
    assert re.search(said, done.err), done.err
    assert "Traceback" not in done.err and "trust_remote_code" not in done.err
    assert "/." not in done.err.replace(str(Path.cwd()), ""), "no temporary folder is named"


def accepted(done: Outcome) -> Outcome:
    assert done.code == 0, done
    return done


def bom(desk: Desk) -> None:
    accepted(desk.score("responses.jsonl"))
    desk.checkout.edit(corpora__esconv__min_dialogues=1)
    done = desk.prepare()
    assert "not JSON" not in done.err and "truncated" not in done.err
    words = ["--pairs", str(desk.case / "epitome")]
    assert "missing column" not in desk.stage("epitome", "ip", *words, *_encoder(desk)).err


def _encoder(desk: Desk) -> list[str]:
    from eva.models.tiny import build_tiny

    build_tiny("roberta", "encoder", desk.checkout.path / "encoder")
    build_tiny("llama", "causal", desk.checkout.path / "probe")
    return [
        "--encoder",
        "encoder",
        "--probe",
        "probe",
        "--out",
        "s",
        "--metrics",
        "s.json",
        "--plots",
        "s.csv",
    ]


def surrogate(desk: Desk) -> None:
    refused(desk.score("responses.jsonl"), r"line 1: .*surrogate")
    refused(desk.prepare(), "surrogate")


def think(desk: Desk) -> None:
    done = accepted(desk.score("responses.jsonl", "--json", "out.json"))
    assert "1 of 2 responses came with a thought" in done.err
    assert json.loads(Path("out.json").read_text())["metrics"]["length/words"]["value"] < 7


def huge(desk: Desk) -> None:
    accepted(desk.score("responses.jsonl", "--json", "out.json"))
    metrics = json.loads(Path("out.json").read_text())["metrics"]
    known = [one for one in metrics.values() if one["unit"] == "percent" and one["value"] is not None]
    assert known
    assert all(0 <= number <= 100 for one in known for number in (one["value"], *(one["ci"] or ())))


def other_scripts(desk: Desk) -> None:
    done = desk.score("zh.jsonl")
    assert done.code == 2 or "n/m" in done.out or "note" in done.err, done
    accepted(desk.score("de.jsonl"))


def short(desk: Desk) -> None:
    refused(desk.score("empty.jsonl"), "`response` is empty")
    for name in ("one_word.jsonl", "formfeed.jsonl"):
        done = accepted(desk.score(name))
        assert not re.search(r"dist_2 +0\.00", done.out)


def line_ends(desk: Desk) -> None:
    for name in ("crlf.jsonl", "u2028.jsonl"):
        accepted(desk.score(name))


def registry_names(desk: Desk) -> None:
    for name in ("org/eva", "eva:7b"):
        refused(desk.check(register__name=name), "register.name")
        desk.checkout.edit(register__name="eva-smoke")


def path_with_space(desk: Desk) -> None:
    shutil.copytree(desk.checkout.path / "data/sample/esconv", desk.checkout.path / "data/my esconv; x")
    accepted(desk.check(corpora__esconv__path="data/my esconv; x"))


def encoder_positions(desk: Desk) -> None:
    from eva.models.tiny import build_tiny

    for length in (514, 600):
        row = {"role": "encoder", "source": "local", "id": "encoder"}
        build_tiny("roberta", "encoder", desk.checkout.path / "encoder")
        done = desk.check(backbones__tiny_roberta=row, level_classifier__max_length=length)
        refused(done, f"is {length}.* reads at most 512")


def a_model(said: str) -> Callable[[Desk], None]:
    """A model folder that stage `backbone` refuses with these words."""
    return lambda desk: refused(desk.backbone(), said)


def a_sound_model(desk: Desk) -> None:
    accepted(desk.backbone())


CASES: dict[str, Callable[[Desk], None]] = {
    "bom": bom,
    "empty_thought_in_last_turn": a_sound_model,
    "encoder_positions": encoder_positions,
    "generation_config": a_sound_model,
    "html": lambda desk: void(accepted(desk.score("responses.jsonl"))),
    "huge": huge,
    "line_ends": line_ends,
    "named_templates": a_model(r"rag, tool_use.*`default`"),
    "named_templates_default": a_sound_model,
    "no_special": a_sound_model,
    "other_scripts": other_scripts,
    "path_with_space": path_with_space,
    "registry_names": registry_names,
    "remote_code": a_model("code.* which EVA never runs"),
    "short": short,
    "spm_only": a_model(r"spm\.model"),
    "surrogate": surrogate,
    "think": think,
    "thinking_prompt": a_model(r"(?s)opens a thought in the generation prompt.*finished turn: "),
    "unknown_architecture": a_model("architecture 'quiet'"),
    "vocab_too_small": a_model(r"ids up to \d+ .* embeddings have \d+ rows"),
}


def void(_: object) -> None:
    """For a check that has nothing more to say."""


def test_every_case_has_its_test(cases: Path, root: Path) -> None:
    there = {path.name for path in cases.iterdir() if path.is_dir()}
    assert there <= CASES.keys() | ELSEWHERE.keys()
    assert all((root / test).is_file() for test in ELSEWHERE.values())


@pytest.mark.parametrize("desk", CASES, indirect=True)
def test_case(desk: Desk) -> None:
    CASES[desk.case.name](desk)
