"""`eva worker` names all that is wrong with a host at once."""

import socket
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eva.cli import app
from eva.errors import InputError
from eva.hosts import worker_checks
from eva.hosts.git_source import first_commit, git


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVA_WORKER_HOME", str(tmp_path / "home"))


def problems(server: str) -> tuple[str, ...]:
    given = ["--pool", "gpu", "--server", server, "--git", "https://u:secret@127.0.0.1:9/eva.git"]
    error = CliRunner().invoke(app, ["worker", *given, "--dvc", "/absent"]).exception
    assert isinstance(error, InputError)
    return error.problems


@pytest.mark.parametrize("server", ["http://127.0.0.1:9/api", "http://127.0.0.1:port/api"])
def test_server_and_git_remote_are_named_together(server: str) -> None:
    remote, api = problems(server)

    assert remote.startswith("the git remote https://127.0.0.1:9/eva.git cannot be read")
    assert "secret" not in remote
    assert api.startswith(f"Prefect does not answer at {server}")


def test_a_server_that_speaks_no_http_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_checks, "RETRIES", 0)

    def greet(server: socket.socket) -> None:
        taken, _ = server.accept()
        with taken:
            taken.recv(1000)
            taken.sendall(b"SSH-2.0-OpenSSH\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=(server,), daemon=True).start()
        _, api = problems(f"http://127.0.0.1:{server.getsockname()[1]}/api")

    assert "Prefect does not answer at" in api and "Server disconnected" in api


def test_a_project_is_known_by_its_first_commit_of_which_a_part_of_its_history_says_nothing(
    tmp_path: Path,
) -> None:
    def commit(words: str) -> str:
        git(tmp_path / "whole", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q",
            "--allow-empty", "-m", words)  # fmt: skip
        return git(tmp_path / "whole", "rev-parse", "HEAD").strip()

    (tmp_path / "whole").mkdir()
    git(tmp_path / "whole", "init", "-q")
    first, last = commit("first"), commit("last")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}/whole", "part")

    assert first_commit(tmp_path / "whole", last) == first
    with pytest.raises(InputError, match="fetch --unshallow"):
        first_commit(tmp_path / "part", "HEAD")


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        (["503 Busy", "503 Busy", "404 Not Found"], "has no work pool 'gpu'"),  # it is asked again
        (["401 Unauthorized"], "does not take the token; set PREFECT_API_AUTH_STRING"),
        (["500 Internal Server Error"], "answers with 500"),
        (["200 OK"], "give --server the address that ends in /api"),  # a page, not the API
    ],
)
def test_what_the_server_answers_is_explained(statuses: list[str], told: str) -> None:
    def answer(server: socket.socket) -> None:
        for status in statuses:
            taken, _ = server.accept()
            with taken:
                taken.recv(10_000)
                taken.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        _, api = problems(f"http://127.0.0.1:{server.getsockname()[1]}/api")

    assert told in api
