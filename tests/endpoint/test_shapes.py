"""Every shape in which servers answer has one rule; no answer is paid for twice, whatever it holds."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.endpoint.server import Served, serving

from eva.artifacts import read_json, read_jsonl, write_json, write_jsonl
from eva.cli import main
from eva.data.dialogue import Dialogue
from eva.settings.profiles import profile_text

Ask = Callable[[Served], tuple[int, str]]
N = 7  # supporter turns of two dialogues
THOUGHT = "They grieve."


@pytest.fixture
def ask(
    tmp_path: Path,
    root: Path,
    dialogues: list[Dialogue],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    """`eva generate` by a server: the exit code and what it said."""
    write_jsonl(tmp_path / "prepared" / "test.jsonl", [one.to_dict() for one in dialogues[:2]])
    (tmp_path / "params.yaml").write_text(profile_text(root / "profiles", "smoke"))
    words = ["generate", "--prepared", "prepared", "--model", "served-model", "--backend", "openai"]
    words += ["--params", "params.yaml", "--out", "out.jsonl"]
    words += ["--answers", "kept", "--retries", "0", "--input-price", "2", "--output-price", "10"]
    (tmp_path / "params.yaml").write_text(profile_text(root / "profiles", "smoke"))
    monkeypatch.chdir(tmp_path)

    def run(server: Served) -> tuple[int, str]:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setattr(sys, "argv", ["eva", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return code if isinstance(code, int) else int(code is not None), capsys.readouterr().err

    return run


def answered(ask: Ask, tmp_path: Path, way: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows and provenance of a server's answers, asked for twice and paid for once."""
    with serving(tmp_path / "log", way=way) as server:
        assert ask(server)[0] == 0
        first = (tmp_path / "out.jsonl").read_bytes()
        assert ask(server)[0] == 0
    assert (tmp_path / "out.jsonl").read_bytes() == first
    assert len(server.paid) == len(set(server.paid)) == N
    return read_jsonl(tmp_path / "out.jsonl"), read_json(tmp_path / "out.json")


@pytest.mark.parametrize("way", ["shaped", "parts", "refusal", "no usage", "half a character"])
def test_what_is_said_is_the_response(ask: Ask, tmp_path: Path, way: str) -> None:
    rows, provenance = answered(ask, tmp_path, way)
    mended = "\ufffd\ufffd" if way == "half a character" else ""
    assert all(row["response"].startswith("Number ") for row in rows)
    assert all(row["response"].endswith(f".{mended}") for row in rows)
    unknown = way == "no usage"
    assert (provenance["usage"]["cost"] is None) == (provenance["usage"]["input_tokens"] is None) == unknown


@pytest.mark.parametrize("way", ["thought", "thought apart", "thought in parts"])
def test_a_thought_is_kept_and_is_no_response(ask: Ask, tmp_path: Path, way: str) -> None:
    rows, _ = answered(ask, tmp_path, way)
    assert all(row["response"].startswith("Number ") and THOUGHT not in row["response"] for row in rows)
    assert all(THOUGHT in row["raw"] for row in rows)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("null", "(0 filtered, 0 truncated, 7 empty)"),
        ("filtered", "(7 filtered, 0 truncated, 0 empty)"),
        ("cut thought", "(0 filtered, 7 truncated, 0 empty)"),
        ("cut thought apart", "(0 filtered, 7 truncated, 0 empty)"),
    ],
)
def test_a_server_that_says_nothing_is_refused_and_paid_once(
    ask: Ask, tmp_path: Path, way: str, said: str
) -> None:
    with serving(tmp_path / "log", way=way) as server:
        for code, message in (ask(server), ask(server)):
            assert code == 2
            assert f"all {N} responses are empty {said}" in message
    assert len(server.paid) == N
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("error", "the quota is exceeded"),
        ("busy", "fails (HTTP 503, "),
        ("busy", "no provider is free"),
        ("page", "something else than a chat completion ('<html>Sign in</html>')"),
        ("nothing", "(an empty body)"),
        ("cut body", "something else than a chat completion"),
        ("no choice", "something else than a chat completion"),
        ("list", "something else than a chat completion"),
    ],
)
def test_what_is_no_answer_is_shown_and_not_kept(ask: Ask, tmp_path: Path, way: str, said: str) -> None:
    with serving(tmp_path / "log", way=way) as server:
        code, message = ask(server)
    assert code == 2
    assert said in message
    assert message.count("error: ") == 1 and "Traceback" not in message
    assert len(server.asked) == 1
    assert not list(tmp_path.glob("kept/*"))


def test_a_server_of_this_machine_is_asked_without_a_proxy(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    with serving(tmp_path / "log", way="shaped") as server:
        assert ask(server)[0] == 0


def test_a_key_that_is_a_word_stays_readable_in_messages(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    with serving(tmp_path / "log") as server:
        assert "refuses the key in OPENAI_API_KEY" in ask(server)[1]


def test_an_answer_that_was_changed_on_disk_is_not_used(ask: Ask, tmp_path: Path) -> None:
    with serving(tmp_path / "log", way="shaped") as server:
        assert ask(server)[0] == 0
        kept = sorted(tmp_path.glob("kept/*.json"))
        kept[0].write_text(kept[0].read_text().replace("Number", "Letter"))
        kept[1].write_text(kept[1].read_text()[:40])
        code, message = ask(server)
        assert code == 2
        assert (
            f"{kept[0].name}: it was changed" in message
            or f"{kept[1].name}: not a stored response" in message
        )
        assert len(server.paid) == N
        kept[0].unlink()
        kept[1].unlink()
        assert ask(server)[0] == 0
    assert len(server.paid) == N + 2


def test_answers_from_before_there_was_a_digest_are_used(ask: Ask, tmp_path: Path) -> None:
    with serving(tmp_path / "log", way="shaped") as server:
        assert ask(server)[0] == 0
        for path in tmp_path.glob("kept/*.json"):
            content = read_json(path)
            del content["digest"], content["answer"]["reasoning"]
            write_json(path, content)
        assert ask(server)[0] == 0
    assert len(server.paid) == N
