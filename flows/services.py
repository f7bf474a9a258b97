"""Start and stop Prefect, MLflow and one worker per pool on this machine.

Usage: `python -m flows.services up | down | ui`.
"""

import argparse
import http.client
import logging
import os
import socket
import subprocess
import sys
import webbrowser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.request import getproxies

from eva.errors import InputError, raise_if
from flows import pools
from flows.environment import base_environment
from flows.processes import find, start, stop, wait_until

HOST = "127.0.0.1"
PATIENCE = 180.0  # seconds to wait for a start; a first start on two busy cores took 60
SERVERS = ("prefect", "mlflow")
PORTS = {"prefect": ("EVA_PREFECT_PORT", 4200), "mlflow": ("EVA_MLFLOW_PORT", 5000)}
HEALTH = {"prefect": "/api/health", "mlflow": "/health"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalServices:
    """The services of one checkout and their ports."""

    root: Path
    prefect_port: int
    mlflow_port: int

    @property
    def prefect_url(self) -> str:
        return f"http://{HOST}:{self.prefect_port}"

    @property
    def mlflow_url(self) -> str:
        return f"http://{HOST}:{self.mlflow_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the services, without settings of a Prefect that the user has elsewhere."""
        inherited = {k: v for k, v in base_environment().items() if not k.startswith("PREFECT_")}
        return {
            **inherited,
            "EVA_CHECKOUT": str(self.root),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_TRACKING_URI": self.mlflow_url,
            "PREFECT_API_URL": f"{self.prefect_url}/api",
            "PREFECT_HOME": str(self.root / ".eva" / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # otherwise the web page sends its requests to port 4200, whatever its own port is
            "PREFECT_SERVER_UI_API_URL": f"{self.prefect_url}/api",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PYTHONPATH": str(self.root / "src"),
        }

    def port(self, server: str) -> int:
        return {"prefect": self.prefect_port, "mlflow": self.mlflow_port}[server]

    def argv(self, server: str) -> list[str]:
        """The command that starts a server; MLflow clients see the same runs with and without it."""
        address = ["--host", HOST, "--port", str(self.port(server)), "--workers", "1"]
        if server == "prefect":
            return [sys.executable, "-m", "prefect", "server", "start", *address]
        store = ["--backend-store-uri", f"sqlite:///{self.root}/mlflow.db"]
        # a path, because a client without the server could not read mlflow-artifacts: addresses
        artifacts = ["--no-serve-artifacts", "--default-artifact-root", str(self.root / "mlruns")]
        return [sys.executable, "-P", "-m", "mlflow", "server", *address, *store, *artifacts]


def up(root: Path) -> None:
    """Start the services that do not run yet, deploy the flows, and print the addresses."""
    services = _local_services(root)
    missing = [name for name in _all_names() if find(root, name) is None]
    if not missing:
        log.info("already up")
        return _announce(services)
    try:
        _start_servers(services)
        _start_workers(services)
        _await_health(services, "mlflow")
    except BaseException:
        stop(root, missing)
        raise
    return _announce(services)


def down(root: Path) -> None:
    """Stop the workers and the stages that they run, then the servers."""
    services = _local_services(root)
    stopped = stop(root, [pools.worker_name(pool) for pool in pools.LIMITS])
    if stopped and _healthy(services, "prefect"):
        pools.cancel_open_runs()
    stopped += stop(root, SERVERS)
    log.info("stopped %s", ", ".join(stopped) if stopped else "nothing: no service was running")


def ui(root: Path) -> None:
    """Open both web pages; start the servers, but no workers, if they do not run."""
    services = _local_services(root)
    _start_servers(services)
    _await_health(services, "mlflow")
    log.info("Prefect  %s\nMLflow   %s", services.prefect_url, services.mlflow_url)
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(services.prefect_url)
        webbrowser.open(services.mlflow_url)


def _local_services(root: Path) -> LocalServices:
    """The services with the ports of running servers, else those given by the environment.

    The environment of this process is replaced by that of the services.
    """
    ports = {}
    for server, (variable, usual) in PORTS.items():
        running = find(root, server)
        ports[server] = (running.port if running else None) or _port(variable, usual)
    services = LocalServices(root, ports["prefect"], ports["mlflow"])
    environment = services.environment  # computed from the environment that it replaces
    os.environ.clear()
    os.environ.update(environment)
    return services


def _port(variable: str, usual: int) -> int:
    given = os.environ.get(variable, str(usual))
    if not given.isdecimal() or not 1024 <= int(given) <= 65535:
        raise InputError(f"{variable} is {given!r}: give a port from 1024 to 65535")
    return int(given)


def _start_servers(services: LocalServices) -> None:
    missing = [server for server in SERVERS if find(services.root, server) is None]
    taken = [(server, services.port(server)) for server in missing if _taken(services.port(server))]
    raise_if((_advice(server, port) for server, port in taken), "cannot start")
    for server in missing:
        log.info("starting %s on port %d", server, services.port(server))
        start(services.root, server, services.argv(server), services.environment, services.port(server))
    _await_health(services, "prefect")


def _start_workers(services: LocalServices) -> None:
    pools.ensure()
    for pool in pools.LIMITS:
        name = pools.worker_name(pool)
        if find(services.root, name) is None:
            log.info("starting %s", name)
            start(services.root, name, pools.worker_argv(pool), services.environment)
    log.info("deploying the flows of prefect.yaml")
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=services.root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(f"prefect.yaml could not be deployed:\n{done.stdout}{done.stderr}")
    for pool in pools.LIMITS:
        wait_until(partial(pools.online, pool), services.root, pools.worker_name(pool), PATIENCE)


def _await_health(services: LocalServices, server: str) -> None:
    wait_until(lambda: _healthy(services, server), services.root, server, PATIENCE)


def _healthy(services: LocalServices, server: str) -> bool:
    connection = http.client.HTTPConnection(HOST, services.port(server), timeout=5)
    try:
        connection.request("GET", HEALTH[server])
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


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


def _all_names() -> list[str]:
    return [*SERVERS, *(pools.worker_name(pool) for pool in pools.LIMITS)]


def _announce(services: LocalServices) -> None:
    log.info("Prefect  %s\nMLflow   %s", services.prefect_url, services.mlflow_url)
    log.info("logs     .eva/services/")
    log.info("start a run on Prefect's web page (Deployments, pipeline/eva, Run), or with")
    log.info(
        "  %sPREFECT_API_URL=%s/api %s deployment run pipeline/eva --watch",
        "NO_PROXY=127.0.0.1 " if getproxies() else "",
        services.prefect_url,
        Path(sys.executable).with_name("prefect"),
    )


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.services", description=__doc__)
    parser.add_argument("action", choices=["up", "down", "ui"])
    action = parser.parse_args().action
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    log.setLevel(logging.INFO)
    try:
        {"up": up, "down": down, "ui": ui}[action](Path.cwd())
    except InputError as error:
        log.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
