"""`eva generate`: a file that `eva score` takes, its provenance, and what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from tests.cli.conftest import Eva
from tests.endpoint.conftest import dialogue
from tests.endpoint.server import KEY, serving

from eva.artifacts import write_jsonl
from eva.settings.profiles import profile_text

TO_ENDPOINT = (
    "--prepared",
    "prepared",
    "--model",
    "served-model",
    "--out",
    "api/out.jsonl",
    "--backend",
    "openai",
)


@pytest.fixture
def corpus(here: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared test split and the smoke settings; an endpoint nobody listens at."""
    (here / "params.yaml").write_text(profile_text(root / "profiles", "smoke"))
    write_jsonl(here / "prepared" / "test.jsonl", [dialogue(name, 4).to_dict() for name in "ab"])
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("EVA_ANSWERS", raising=False)
    monkeypatch.delenv("EVA_CHECKPOINTS", raising=False)
    return here


@pytest.mark.slow
def test_an_endpoints_file_is_scored(eva: Eva, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(corpus / "log") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        prices = ("--input-price", "0.5", "--output-price", "1.5")
        done = eva("generate", *TO_ENDPOINT, "--concurrency", 2, *prices)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in Path("api/out.jsonl").read_text().splitlines()]
    provenance = json.loads(Path("api/out.json").read_text())
    assert len(rows) == len(server.paid) == len(list(Path(".eva/answers").iterdir()))
    assert provenance["usage"]["input_tokens"] == 100 * len(rows)
    assert f"cost: {provenance['usage']['cost']}" in done.out
    assert KEY not in done.out + done.err
    scored = eva("score", "api/out.jsonl", "--metrics", "overlap,length", "--params", "params.yaml")
    assert scored.code == 0, scored.err


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_under_way(
    eva: Eva, corpus: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(corpus / "log", delay=0.3) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        words = [sys.executable, "-m", "eva", "generate", *TO_ENDPOINT, "--concurrency", "3"]
        path = os.pathsep.join([str(root / "src"), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            words,
            env={**os.environ, "PYTHONPATH": path},
            # a background job, as CI may be, hands down an ignored Ctrl-C
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        while len(server.asked) < 3:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
        kept = len(list(Path(".eva/answers").iterdir()))
        assert kept == len(server.asked) == len(server.paid) < 8
        assert eva("generate", *TO_ENDPOINT).code == 0
    assert len(server.asked) == 8


def test_without_a_key_nothing_happens(eva: Eva, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    done = eva("generate", *TO_ENDPOINT)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: endpoint: 2 problems\n")
    assert not Path("api").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--request", "{"), "--request '{': not JSON"),
        (("--request", "[1]"), "give a JSON object"),
        (("--request", '{"n": 3}'), "request: Value error, n: EVA sets these fields itself"),
        (("--adapter", "lora"), "--adapter: not for an endpoint"),
        (
            ("--backend", "local", "--rpm", "3", "--input-price", "1"),
            "--rpm, --input-price: only for --backend openai",
        ),
        (("--out", "out.json"), "the name must end in .jsonl"),
        (("--split", "tests"), "unknown split 'tests'"),
        (("--prepared", "nowhere"), "nowhere/test.jsonl: no such file"),
        (("--params", "nowhere.yaml"), "nowhere.yaml: no such file"),
    ],
)
def test_refusals(eva: Eva, corpus: Path, words: tuple[str, ...], said: str) -> None:
    before = sorted(corpus.rglob("*"))
    done = eva("generate", *TO_ENDPOINT, *words)
    assert done.code == 2
    assert said in done.err
    assert sorted(corpus.rglob("*")) == before


def test_vllm_where_it_is_not_installed(eva: Eva, corpus: Path) -> None:
    done = eva("generate", *TO_ENDPOINT, "--backend", "vllm")
    assert (done.code, done.out) == (2, "")
    assert "vLLM is not installed" in done.err


@pytest.mark.slow
def test_a_local_model_gives_the_dags_file(eva: Eva, corpus: Path) -> None:
    from eva.data.dialogue import subset
    from eva.data.prepare import read_split
    from eva.generation.local import generate_file
    from eva.models.backbones import materialise
    from eva.models.loading import Policy
    from eva.settings.backbones_section import Backbone
    from eva.settings.params_file import read_settings

    materialise("tiny", Backbone(role="causal", source="random", id="llama"), corpus / "tiny")
    done = eva("generate", "--prepared", "prepared", "--model", "tiny", "--out", "out.jsonl")
    assert done.code == 0, done.err
    settings = read_settings(Path("params.yaml")).generate
    dialogues = subset(read_split(Path("prepared"), "test"), settings.max_dialogues)
    policy = Policy("tiny", None, "eva", None)
    direct = generate_file(policy, dialogues, settings, 1, Path("direct.jsonl"), Path("elsewhere"))
    assert Path("out.jsonl").read_bytes() == Path("direct.jsonl").read_bytes()
    assert json.loads(Path("out.json").read_text()) == direct.provenance
