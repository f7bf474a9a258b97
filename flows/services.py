"""Start and stop Prefect, MLflow and one worker per pool on this machine.

Usage: `python -m flows.services up | down | ui`; `deploy` makes pools and deployments at a Prefect elsewhere.
"""

import argparse
import logging
import os
import subprocess
import sys
import webbrowser
from functools import partial
from pathlib import Path
from urllib.request import getproxies

from eva.errors import InputError
from flows import credential, pools
from flows.processes import find, start, stop, wait_until
from flows.servers import SERVERS, LocalServices, find_services

PATIENCE = 600.0  # seconds to wait for a start; on two very busy cores one took more than 180

log = logging.getLogger(__name__)


def up(root: Path) -> None:
    """Start the services that do not run yet, deploy the flows, and print the addresses."""
    services = _local_services(root)
    if services.ignored:
        log.info("ignored, as these services have a Prefect of their own: %s", ", ".join(services.ignored))
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
    if stopped and services.healthy("prefect"):
        pools.cancel_open_runs()
    stopped += stop(root, SERVERS)
    log.info("stopped %s", ", ".join(stopped) if stopped else "nothing: no service was running")


def ui(root: Path) -> None:
    """Open both web pages; start the servers, but no workers, if they do not run."""
    services = _local_services(root)
    _start_servers(services)
    _await_health(services, "mlflow")
    _announce_pages(services)
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(services.prefect_url)
        webbrowser.open(services.mlflow_url)


def deploy(root: Path) -> None:
    """Make pools and automations, and deploy the flows, at the Prefect of PREFECT_API_URL."""
    from flows import lost_runs, notifications

    pools.ensure()
    lost_runs.ensure_automation()
    log.info("deploying the flows of prefect.yaml")
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(f"prefect.yaml could not be deployed:\n{done.stdout}{done.stderr}")
    if notifications.ensure():
        log.info("failed runs and decisions of the gate are told to %s", notifications.VARIABLE)


def _local_services(root: Path) -> LocalServices:
    """The services; the environment of this process is replaced by that of their clients."""
    services = find_services(root)
    environment = services.environment  # computed from the environment that it replaces
    os.environ.clear()
    os.environ.update(environment)
    return services


def _start_servers(services: LocalServices) -> None:
    root = services.root
    missing = [server for server in SERVERS if find(root, server) is None]
    services.require_free(missing)
    given = services.given.get("PREFECT_SERVER_API_AUTH_STRING") if "prefect" in missing else None
    secret = credential.settle(root, given)
    credential.write_profile(root, f"{services.prefect_url}/api", secret)
    environment = services.server_environment(secret)
    for server in missing:
        log.info("starting %s on port %d", server, services.port(server))
        start(root, server, services.argv(server), environment, services.port(server))
    _await_health(services, "prefect")


def _start_workers(services: LocalServices) -> None:
    from flows import lost_runs  # it imports Prefect, which reads its settings at once

    pools.ensure()
    for name in lost_runs.reconcile(pools.QUEUES):
        log.info("run %s had lost its process: marked as crashed", name)
    for pool in pools.LIMITS:
        name = pools.worker_name(pool)
        if find(services.root, name) is None:
            log.info("starting %s", name)
            start(services.root, name, pools.worker_argv(pool), services.environment)
    deploy(services.root)
    for pool in pools.LIMITS:
        wait_until(partial(pools.online, pool), services.root, pools.worker_name(pool), PATIENCE)


def _await_health(services: LocalServices, server: str) -> None:
    wait_until(lambda: services.healthy(server), services.root, server, PATIENCE)


def _all_names() -> list[str]:
    return [*SERVERS, *(pools.worker_name(pool) for pool in pools.LIMITS)]


def _announce(services: LocalServices) -> None:
    _announce_pages(services)
    log.info("logs     .eva/services/")
    log.info("start a run on Prefect's web page (Deployments, pipeline/eva, Run), or with")
    hidden = "".join(f"-u {name} " for name in services.ignored)  # they outweigh the profile
    log.info(
        "  %s%sPREFECT_HOME=%s %s deployment run pipeline/eva --watch",
        f"env {hidden}" if hidden else "",
        f"NO_PROXY={services.host} " if getproxies() else "",
        services.root / credential.FOLDER,
        Path(sys.executable).with_name("prefect"),
    )


def _announce_pages(services: LocalServices) -> None:
    log.info("Prefect  %s\nMLflow   %s", services.prefect_url, services.mlflow_url)
    log.info("Prefect asks for the password in %s, which only you can read", credential.CREDENTIAL)


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.services", description=__doc__)
    parser.add_argument("action", choices=["up", "down", "ui", "deploy"])
    action = parser.parse_args().action
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    log.setLevel(logging.INFO)
    try:
        {"up": up, "down": down, "ui": ui, "deploy": deploy}[action](Path.cwd())
    except InputError as error:
        log.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
