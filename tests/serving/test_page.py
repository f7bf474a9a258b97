"""The chat page in a real browser, on a desk and on a telephone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serving.conftest import Scripted, running

from eva.safety.notices import REFERRAL

pytestmark = pytest.mark.slow

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = os.environ.get("EVA_SCREENSHOTS")  # a folder to which the pictures in docs/ are written anew
SAID = "It sounds like losing it hurts. Your feelings are understandable."


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium to look at the page with")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    versions = {"eva-smollm2/3": Scripted(SAID), "eva-smollm2/2": Scripted("Ok.")}
    with running({**versions, "base": Scripted("Have you tried?")}) as found:
        yield found


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_conversation_beside_the_base_and_a_message_about_danger(
    browser: Any, address: str, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    notice = page.get_by_role("region", name="What this is not").inner_text()
    assert "not a person, a counsellor or a doctor" in notice
    page.get_by_role("combobox", name="Model").locator("option").nth(1).wait_for(state="attached")
    page.get_by_role("checkbox", name="beside the base").check()
    page.get_by_role("textbox", name="Your message").fill("I lost my job.")
    page.keyboard.press("Enter")
    replies = page.get_by_role("article")
    replies.nth(1).get_by_text("Other Types").wait_for()
    assert "eva-smollm2/3" in replies.nth(0).inner_text() and SAID in replies.nth(0).inner_text()
    assert "Understanding and Validation" in replies.nth(0).inner_text()
    assert "base" in replies.nth(1).inner_text() and "Have you tried?" in replies.nth(1).inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/chat-{width}.png")

    page.get_by_role("textbox", name="Your message").fill("I want to kill myself tonight")
    page.get_by_role("button", name="Send").click()
    replies.nth(2).get_by_text("not the model").wait_for()
    assert " ".join(REFERRAL.split("\n\n")[0].split()) in replies.nth(2).inner_text()
    page.get_by_role("textbox", name="Your message").fill("never mind")
    page.keyboard.press("Enter")
    replies.nth(3).get_by_text("not the model").wait_for()
    assert replies.count() == 4, "once for both models, and until a new conversation"
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/chat-referral-{width}.png")

    page.get_by_role("button", name="New conversation").click()
    assert page.get_by_role("article").count() == 0
    page.get_by_role("combobox", name="Model").select_option("eva-smollm2/2")
    page.get_by_role("checkbox", name="beside the base").uncheck()
    page.get_by_role("textbox", name="Your message").fill("hello")
    page.keyboard.press("Enter")
    page.get_by_role("article").get_by_text("Ok.").wait_for()
    assert faults == []
    page.close()


def test_the_page_asks_no_other_machine_and_has_names_for_all_controls(browser: Any, address: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.get_by_role("combobox", name="Model").locator("option").first.wait_for(state="attached")
    assert all(url.startswith((address, "data:")) for url in asked)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('select, textarea, input, button')]"
        ".filter(one => !one.labels?.length && !one.textContent.trim()).length"
    )
    assert unnamed == 0
    assert page.evaluate("document.documentElement.lang") == "en"
    page.close()


def test_a_refusal_is_told_in_words(browser: Any) -> None:
    with running({"eva/1": Scripted()}) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("combobox", name="Model").locator("option").first.wait_for(state="attached")
        page.evaluate("document.getElementById('text').maxLength = 9000")
        page.get_by_role("textbox", name="Your message").fill("x" * 4001)
        page.get_by_role("button", name="Send").click()
        page.get_by_role("alert").get_by_text("4001 characters").wait_for()
        page.close()
