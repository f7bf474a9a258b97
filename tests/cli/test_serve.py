"""`eva serve`, by its real entry, with a tiny model in a real registry."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import openai
import pytest
from tests.cli.conftest import Eva
from tests.cli.test_chat import RULES_ALONE, params, registered, registry
from tests.flows.conftest import free_port
from tests.record.conftest import empty_database

__all__ = ["empty_database", "params", "registered", "registry"]


def test_a_folder_that_is_no_model_is_refused_before_anything_loads(
    eva: Eva, params: Path, registered: None
) -> None:
    done = eva("serve", "--model", "models:/eva-smoke/1", "--base", "nowhere")
    assert done.code == 2
    assert "--base nowhere: is no folder of a model" in done.err and done.err.count("\n") == 1
    assert done.out == f"{RULES_ALONE}\n"


@pytest.mark.slow
def test_a_model_that_is_not_registered(eva: Eva, params: Path) -> None:
    done = eva("serve")
    assert done.code == 2
    assert "not in the registry" in done.err and done.err.count("\n") == 1


@pytest.mark.slow
def test_the_registered_model_is_served_offline_and_ctrl_c_ends_it(
    params: Path, registered: None, registry: Path
) -> None:
    port = free_port()
    words = ["serve", "--model", "models:/eva-smoke/1", "--base", str(registry / "tiny"), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-m", "eva", *words], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                assert httpx.get(f"{address}/health").json()["model"] == "eva-smoke/1"
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.2)
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        assert [one.id for one in client.models.list().data] == ["eva-smoke/1", "base"]
        for name, answers in (("eva-smoke", "eva-smoke/1"), ("base", "base")):
            said = client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": "I lost my job"}], max_tokens=2
            )
            assert said.model == answers
            assert said.usage is not None and said.usage.completion_tokens <= 2
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    written = [path for path in params.parent.rglob("*") if path.is_file() and path != params]
    assert [path for path in written if b"lost my job" in path.read_bytes()] == [], "nothing is stored"
