"""Prefect's pages in Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.flows.conftest import Project
from tests.flows.prefect_api import api

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 120_000  # milliseconds for a page on a busy machine
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


@contextmanager
def signed_in(project: Project) -> Iterator[Any]:
    """A page of Prefect in a browser in which the password was entered; skips without a browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM} to look at the page with")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES)
        page = browser.new_page(viewport={"width": 1400, "height": 1000}, base_url=address(project))
        page.set_default_timeout(PATIENCE)
        page.goto("/", wait_until="commit")
        page.locator("input").first.fill(project.credential)
        page.keyboard.press("Enter")
        page.get_by_text("Dashboard").first.wait_for()
        yield page
        browser.close()


def address(project: Project) -> str:
    return f"http://127.0.0.1:{project.environment['EVA_PREFECT_PORT']}"


def fill_ablation(page: Any, project: Project, betas: list[str]) -> None:
    """Open the form of `ablations/eva` and give it one set for each beta."""
    deployment = api(project, "/deployments/name/ablations/eva")["id"]
    page.goto(f"/deployments/deployment/{deployment}/run", wait_until="commit")
    for number, beta in enumerate(betas):
        page.get_by_role("button", name="Add item").nth(-2).click()  # the last one is of `targets`
        page.get_by_role("button", name="DpoChanges").nth(number).click()
        described = page.get_by_text("DPO's beta (Equation 4)").nth(number)
        described.locator("xpath=following::button[contains(., 'float')][1]").click()
        described.locator("xpath=following::input[1]").fill(beta)


def submit(page: Any) -> None:
    """Press the form's button until the run is there: the server's SQLite may be locked for too long."""
    taken = page.get_by_text("scheduled to start now").first
    refused = page.get_by_text("Something went wrong trying to create").first
    while not taken.is_visible():
        page.get_by_role("button", name="Submit").click()
        taken.or_(refused).first.wait_for()
        if refused.is_visible():
            refused.wait_for(state="hidden")
