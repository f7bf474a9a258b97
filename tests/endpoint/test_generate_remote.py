"""Generation by a real OpenAI-compatible server: limits, retries, refusals, and nothing paid twice."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.endpoint.server import KEY, Served, serving

from eva.artifacts import read_jsonl
from eva.data.dialogue import Dialogue, supporter_turns
from eva.errors import InputError
from eva.generation.local import Generated
from eva.generation.remote import generate_remote
from eva.models import endpoint
from eva.models.prompts import COT_PROMPT, SYSTEM_PROMPT
from eva.settings.backbones_section import Endpoint
from eva.settings.generate_section import Generate

Generation = Callable[..., Generated]


@pytest.fixture
def generation(
    tmp_path: Path, dialogues: list[Dialogue], settings: Generate, monkeypatch: pytest.MonkeyPatch
) -> Generation:
    """`generation(server, "out", concurrency=…)`; answers are kept in `tmp_path/kept`."""

    def run(
        server: Served,
        out: str = "out.jsonl",
        model: str = "served-model",
        prompt: str = "eva",
        **limits: Any,
    ) -> Generated:
        monkeypatch.setenv(endpoint.URL, server.url)
        served = endpoint.Served.here(model, Endpoint(**{"retries": 0, **limits}))
        return generate_remote(served, prompt, dialogues, settings, 1, tmp_path / out, tmp_path / "kept")

    return run


@pytest.fixture
def undisturbed(generation: Generation, tmp_path: Path) -> list[dict[str, Any]]:
    """What a good server answers; its kept answers are thrown away."""
    with serving(tmp_path / "undisturbed.log") as server:
        generation(server, "undisturbed.jsonl")
    for path in (tmp_path / "kept").iterdir():
        path.unlink()
    return read_jsonl(tmp_path / "undisturbed.jsonl")


def port(server: Served) -> int:
    return int(server.url.split(":")[2].split("/")[0])


def test_requests_hold_the_papers_prompt_and_the_gold_history(
    generation: Generation, tmp_path: Path, settings: Generate
) -> None:
    with serving(tmp_path / "log") as server:
        generation(server)
    bodies = [entry["body"] for entry in server.asked]
    longest = max(bodies, key=lambda body: len(body["messages"]))
    assert longest["messages"][0] == {"role": "system", "content": SYSTEM_PROMPT}
    assert longest["messages"][1:3] == [
        {"role": "user", "content": "I lost thing 0 of c."},
        {"role": "assistant", "content": "Tell me about 0."},
    ]
    assert longest["messages"][-1] == {"role": "user", "content": "I lost thing 4 of c."}
    assert {body["max_tokens"] for body in bodies} == {settings.max_new_tokens}
    assert len({body["seed"] for body in bodies}) == 12


def test_rows_counts_and_cost(generation: Generation, tmp_path: Path, dialogues: list[Dialogue]) -> None:
    with serving(tmp_path / "log") as server:
        made = generation(server, input_price=2.0, output_price=10.0)
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert [(row["dialogue_id"], row["turn"]) for row in rows] == [
        turn.key for turn in supporter_turns(dialogues)
    ]
    assert rows[4]["reference"] == "Tell me about 1."
    assert made.counts["responses"] == 12
    assert made.counts["input_tokens"] == 1200
    assert made.counts["cost"] == pytest.approx((1200 * 2 + 120 * 10) / 1e6)
    assert made.provenance["served_as"] == ["served-model-2026"]
    assert made.provenance["endpoint"] == server.url


def test_a_second_run_pays_nothing_and_writes_the_same(generation: Generation, tmp_path: Path) -> None:
    with serving(tmp_path / "log") as server:
        first = generation(server)
        again = generation(server, "again.jsonl")
    assert len(server.asked) == 12
    assert first == again
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "again.jsonl").read_bytes()


def test_of_a_chain_of_thought_only_the_response_counts(generation: Generation, tmp_path: Path) -> None:
    says = "They are sad. Level 2. Response: not yet. Response: You are sad."
    with serving(tmp_path / "log", says=says) as server:
        generation(server, prompt="cot")
    (row, *_) = read_jsonl(tmp_path / "out.jsonl")
    assert (row["response"], row["raw"]) == ("You are sad.", says)
    assert server.asked[0]["body"]["messages"][0]["content"] == COT_PROMPT


@pytest.mark.slow
def test_request_fields_are_added_and_left_out(generation: Generation, tmp_path: Path) -> None:
    changed = {"max_tokens": None, "max_completion_tokens": 9, "repetition_penalty": 1.2}
    with serving(tmp_path / "log") as server:
        made = generation(server, request=changed)
    body = server.asked[0]["body"]
    assert "max_tokens" not in body
    assert (body["max_completion_tokens"], body["repetition_penalty"]) == (9, 1.2)
    assert made.provenance["request"]["max_completion_tokens"] == 9


def test_a_killed_server_costs_nothing_twice(
    generation: Generation, tmp_path: Path, undisturbed: list[dict[str, Any]]
) -> None:
    with serving(tmp_path / "log", dies_after=5, delay=0.02) as server:
        with pytest.raises(InputError, match=r"cannot be reached .* the same command continues from there"):
            generation(server, concurrency=3)
        assert server.process.wait(5) == 1
    assert not (tmp_path / "out.jsonl").exists()
    assert len(server.paid) == 5
    with serving(tmp_path / "log", port=port(server)) as server:
        generation(server, concurrency=3)
    assert len(server.paid) == len(set(server.paid)) == 12
    assert read_jsonl(tmp_path / "out.jsonl") == undisturbed


@pytest.mark.slow
def test_a_server_that_comes_back_in_time_is_waited_for(
    generation: Generation, tmp_path: Path, undisturbed: list[dict[str, Any]]
) -> None:
    def come_back(first: Served, done: threading.Event) -> None:
        first.process.wait()
        with serving(tmp_path / "log", port=port(first)):
            done.wait(30)

    done = threading.Event()
    with serving(tmp_path / "log", dies_after=5, delay=0.02) as server:
        second = threading.Thread(target=come_back, args=(server, done))
        second.start()
        try:
            generation(server, concurrency=3, retries=5)
        finally:
            done.set()
            second.join()
    assert len(server.paid) == len(set(server.paid)) == 12
    assert read_jsonl(tmp_path / "out.jsonl") == undisturbed


@pytest.mark.slow
def test_faults_are_retried_and_retry_after_is_kept(
    generation: Generation, tmp_path: Path, undisturbed: list[dict[str, Any]]
) -> None:
    with serving(tmp_path / "log", faults=(429, 500), retry_after="1") as server:
        generation(server, concurrency=1, retries=2)
    asked = server.asked
    assert len(asked) == 14
    assert asked[1]["at"] - asked[0]["at"] >= 1  # the library's own first pause is half a second at most
    assert len({entry["digest"] for entry in asked[:3]}) == 1
    assert read_jsonl(tmp_path / "out.jsonl") == undisturbed


@pytest.mark.slow
def test_faults_that_do_not_pass_end_the_run(generation: Generation, tmp_path: Path) -> None:
    with (
        serving(tmp_path / "log", faults=(500,) * 50) as server,
        pytest.raises(InputError, match=r"fails \(HTTP 500, .*\), with up to 1 retries"),
    ):
        generation(server, retries=1)
    assert len(server.asked) == 2


@pytest.mark.slow
def test_concurrency_is_kept(generation: Generation, tmp_path: Path) -> None:
    with serving(tmp_path / "log", delay=0.05) as server:
        generation(server, concurrency=3)
    assert max(entry["at_once"] for entry in server.asked) == 3


@pytest.mark.slow
def test_rate_limit_is_kept_with_retries(generation: Generation, tmp_path: Path) -> None:
    with serving(tmp_path / "log", faults=(503, 503)) as server:
        generation(server, concurrency=6, requests_per_minute=900, retries=3)
    times = sorted(entry["at"] for entry in server.asked)
    assert len(times) == 14
    assert times[-1] - times[0] >= 13 * 60 / 900 - 0.02


def test_a_bad_key_is_one_request_and_one_error(
    generation: Generation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(endpoint.KEY, "sk-wrong-98765")
    with (
        serving(tmp_path / "log") as server,
        pytest.raises(InputError, match="refuses the key in OPENAI_API_KEY") as caught,
    ):
        generation(server, concurrency=8, retries=5)
    assert len(server.asked) == 1
    assert "sk-wrong" not in str(caught.value) + caplog.text
    assert not list(tmp_path.glob("kept/*"))


def test_an_unknown_model_is_one_request_and_one_error(generation: Generation, tmp_path: Path) -> None:
    with (
        serving(tmp_path / "log") as server,
        pytest.raises(InputError, match=r"refuses a request to 'other'.* does not exist"),
    ):
        generation(server, model="other", concurrency=8, retries=5)
    assert len(server.asked) == 1


@pytest.mark.slow
def test_the_key_is_in_no_file_and_no_log(
    generation: Generation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(tmp_path / "log", faults=(500,)) as server:
        made = generation(server, retries=1)
    assert KEY not in caplog.text + repr(made)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY in path.read_text()]


@pytest.mark.slow
def test_another_address_is_another_model(generation: Generation, tmp_path: Path) -> None:
    with serving(tmp_path / "log") as one, serving(tmp_path / "other.log") as other:
        generation(one)
        generation(other)
    assert len(one.asked) == len(other.asked) == 12


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OPENAI_API_KEY", None, "OPENAI_API_KEY is not set"),
        ("OPENAI_API_KEY", " ", "OPENAI_API_KEY is not set"),
        ("OPENAI_BASE_URL", None, "OPENAI_BASE_URL is not set"),
        ("OPENAI_BASE_URL", "api.example.org/v1", "which is not a URL"),
        ("OPENAI_BASE_URL", "https://me:secret@example.org/v1", "contains a user, a password or a query"),
    ],
)
def test_an_environment_that_cannot_work(
    name: str, value: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(endpoint.URL, "http://127.0.0.1:9/v1")
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said) as caught:
        endpoint.Served.here("m", Endpoint())
    assert "secret" not in str(caught.value)


def test_a_key_is_not_sent_to_an_address_it_was_not_given_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(endpoint.URL, "http://127.0.0.1:9/v1")
    served = endpoint.Served.here("m", Endpoint())
    monkeypatch.setenv(endpoint.URL, "http://127.0.0.1:10/v1")
    with pytest.raises(InputError, match="a key is not sent to another server"):
        served.key()
