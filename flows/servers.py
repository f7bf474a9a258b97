"""The two servers of a checkout: their addresses, commands, environments and health."""

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eva.errors import InputError, raise_if
from flows.credential import FOLDER
from flows.environment import STEADY, base_environment
from flows.processes import find

HOST = "127.0.0.1"
SERVERS = ("prefect", "mlflow")
PORTS = {"prefect": ("EVA_PREFECT_PORT", 4200), "mlflow": ("EVA_MLFLOW_PORT", 5000)}
HEALTH = {"prefect": "/api/health", "mlflow": "/health"}
GIVEN = ("PREFECT_SERVER_", "PREFECT_API_DATABASE_")  # settings of a user that are for the server
OURS = ("PREFECT_SERVER_API_PORT",)


@dataclass(frozen=True)
class LocalServices:
    """The services of one checkout.

    Attributes:
        root: the checkout.
        prefect_port: port of Prefect's server.
        mlflow_port: port of MLflow's server.
        given: the user's settings for Prefect's server, by the name of their variable.
        ignored: the user's other settings of Prefect, which belong to a Prefect elsewhere.
    """

    root: Path
    prefect_port: int
    mlflow_port: int
    given: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The address under which programs of this machine reach Prefect's server."""
        return HOST if self._bound in ("0.0.0.0", "::", "localhost") else self._bound  # noqa: S104

    @property
    def prefect_url(self) -> str:
        return f"http://{self.host}:{self.prefect_port}"

    @property
    def mlflow_url(self) -> str:
        return f"http://{HOST}:{self.mlflow_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of workers and deployments, without settings of another Prefect."""
        inherited = {k: v for k, v in base_environment().items() if not k.startswith("PREFECT_")}
        return {
            **inherited,
            **STEADY,
            "EVA_CHECKOUT": str(self.root),
            "EVA_VERSION": _version(self.root),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_TRACKING_URI": self.mlflow_url,
            "PREFECT_API_URL": f"{self.prefect_url}/api",
            "PREFECT_HOME": str(self.root / FOLDER),  # whose profile has the credential
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PYTHONPATH": str(self.root / "src"),
        }

    def server_environment(self, credential: str) -> dict[str, str]:
        """The environment of the servers; of Prefect's settings, what the user has set takes precedence."""
        given = self.given.get("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "")
        return {
            **self.environment,
            # the web page else sends its requests to port 4200, whatever its own port is
            "PREFECT_SERVER_UI_API_URL": f"{self.prefect_url}/api",
            "PREFECT_UI_URL": self.prefect_url,  # in messages
            # in files, because limits whose holders a restarted server has forgotten stay taken for ever
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            **self.given,
            "PREFECT_SERVER_API_AUTH_STRING": credential,
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(filter(None, [*self._origins(), given])),
        }

    def port(self, server: str) -> int:
        return {"prefect": self.prefect_port, "mlflow": self.mlflow_port}[server]

    def argv(self, server: str) -> list[str]:
        """The command that starts a server; MLflow clients see the same runs with and without it."""
        if server == "prefect":
            address = ["--host", self._bound, "--port", str(self.prefect_port)]
            guarded = ["--factory", "flows.guarded_api:create_app", "--log-level", "warning"]
            return [sys.executable, "-m", "uvicorn", *guarded, *address]
        address = ["--host", HOST, "--port", str(self.mlflow_port), "--workers", "1"]
        own = ["--allowed-hosts", f"{HOST}:{self.mlflow_port},localhost:{self.mlflow_port}"]
        store = ["--backend-store-uri", f"sqlite:///{self.root}/mlflow.db"]
        # a path, because a client without the server could not read mlflow-artifacts: addresses
        artifacts = ["--no-serve-artifacts", "--default-artifact-root", str(self.root / "mlruns")]
        return [sys.executable, "-P", "-m", "mlflow", "server", *address, *own, *store, *artifacts]

    def healthy(self, server: str) -> bool:
        """Whether a server answers."""
        host = self.host if server == "prefect" else HOST
        connection = http.client.HTTPConnection(host, self.port(server), timeout=5)
        try:
            connection.request("GET", HEALTH[server])
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def require_free(self, servers: list[str]) -> None:
        """Raise `InputError` if another program uses the port of one of these servers."""
        taken = [(server, self.port(server)) for server in servers if _taken(self.port(server))]
        raise_if((_advice(server, port) for server, port in taken), "cannot start")

    @property
    def _bound(self) -> str:
        return self.given.get("PREFECT_SERVER_API_HOST", HOST)

    def _origins(self) -> list[str]:
        names = dict.fromkeys([self.host, HOST, "localhost"])
        return [f"http://{name}:{self.prefect_port}" for name in names]


def find_services(root: Path) -> LocalServices:
    """The services with the ports of running servers, else those given by the environment."""
    ports = {}
    for server, (variable, usual) in PORTS.items():
        running = find(root, server)
        ports[server] = (running.port if running else None) or _port(variable, usual)
    prefect = sorted(name for name in os.environ if name.startswith("PREFECT_"))
    given = {name: os.environ[name] for name in prefect if name.startswith(GIVEN)}
    raise_if((f"use EVA_PREFECT_PORT instead of {name}" for name in given if name in OURS), "environment")
    ignored = tuple(name for name in prefect if name not in given)
    return LocalServices(root, ports["prefect"], ports["mlflow"], given, ignored)


def _version(root: Path) -> str:
    """The version of deployments: git's description of the commit, or `no commit`."""
    command = ["git", "describe", "--always", "--dirty", "--tags"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no commit"


def _port(variable: str, usual: int) -> int:
    given = os.environ.get(variable, str(usual))
    if not given.isdecimal() or not 1024 <= int(given) <= 65535:
        raise InputError(f"{variable} is {given!r}: give a port from 1024 to 65535")
    return int(given)


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _advice(server: str, port: int) -> str:
    variable = PORTS[server][0]
    return (
        f"port {port} for {server} is in use: stop the program that uses it, or set {variable} to a free port"
    )
