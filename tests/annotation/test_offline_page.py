"""The page in a real browser: a whole dialogue is ranked by keys and by taps, kept, exported, imported."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs.studies.page_scripts import EXPORT, STEPS
from docs.studies.simulated_annotators import invented
from tests.annotation.conftest import NewRound

from eva.annotation.assignment import Workload
from eva.annotation.gathering import read_answers
from eva.annotation.round_export import plan_round, write_round
from eva.annotation.round_key import Kind
from eva.data.candidates import write_candidates

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """A window on a page; what it asked of a network and what went wrong in its script."""

    def __init__(self, browser: Any, path: Path, width: int) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 800}, has_touch=width < 800, accept_downloads=True
        )
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page = self.open(path)

    def open(self, path: Path) -> Any:
        page = self.context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(path.as_uri())
        self.page = page
        return page

    def begin(self) -> None:
        self.page.fill("#person", "Kim")
        self.page.click("#begin")

    def numbers(self) -> list[str]:
        return list(self.page.locator(".place").all_inner_texts())

    def export(self, to: Path) -> None:
        self.page.click("#to-export")
        with self.page.expect_download() as download:
            self.page.click("#export")
        download.value.save_as(to)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_whole_dialogue_is_ranked(browser: Any, new_round: NewRound, folder: Path, width: int) -> None:
    made = new_round(annotators=1)
    path = folder / "pages" / "annotator_1.html"
    visit = Visit(browser, path, width)
    visit.begin()
    page = visit.page
    assert page.inner_text("#count") == "1 of 24, 0 answered"
    for task in range(4):  # by keys: c, a, d, and b is flagged
        assert page.locator(".said").count() == 2 * task + 1, "the history up to this turn"
        page.keyboard.press("Enter")
        assert "Give every response a number" in page.inner_text("#hint"), "an open task is not left so"
        for key in ("c", "a", "b", "b", "Shift+b", "d"):
            page.keyboard.press(key)
        assert visit.numbers() == ["2", "⚑", "1", "3"]
        page.keyboard.press("Enter")
    for place in (3, 2, 1, 0):  # by pointer or finger
        button = page.locator(".pick").nth(place)
        button.tap() if width < 800 else button.click()
    assert visit.numbers() == ["4", "3", "2", "1"]
    sizes = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    smallest = page.evaluate(SMALLEST)
    page.click("#next")
    page.close()

    page = visit.open(path)  # as on another day
    assert page.input_value("#person") == "Kim"
    assert page.inner_text("#count") == "5 answered"
    page.click("#begin")
    assert page.inner_text("#count") == "6 of 24, 5 answered", "at the first open task"
    page.keyboard.press("ArrowLeft")
    assert visit.numbers() == ["4", "3", "2", "1"], "answers are kept"
    visit.export(folder / "answers" / "a.json")
    assert "19 of 24 are still open" in page.inner_text("#end-title")
    visit.context.close()

    assert sizes[0] <= sizes[1], "no sideways scrolling"
    assert smallest >= 40, "large enough for a finger"
    assert visit.errors == []
    assert [url for url in visit.requests if not url.startswith(("file:", "blob:", "data:"))] == []
    answers = read_answers(made.key, [folder / "answers" / "a.json"], partial=True)
    tasks = made.key.assignments["annotator_1"]
    assert [one.task for one in answers.given] == list(tasks[:5])
    for one in answers.given[:4]:
        assert one.order == tuple(one.task.shown[i] for i in (2, 0, 3))
        assert one.unusable == (one.task.shown[1],)
        assert 0 < one.seconds < 60
    assert answers.given[4].order == tuple(tasks[4].shown[i] for i in (3, 2, 1, 0))


def test_levels_are_labelled_and_an_export_is_gone_on_from(
    browser: Any, new_round: NewRound, folder: Path
) -> None:
    made = new_round(Kind.LEVELS, annotators=1)
    path = folder / "pages" / "annotator_1.html"
    visit = Visit(browser, path, 1280)
    visit.begin()
    page = visit.page
    for key in ("4", "0", "Shift+c", "2"):
        page.keyboard.press(key)
    assert visit.numbers() == ["4", "0", "⚑", "2"]
    page.keyboard.press("Enter")
    page.locator("[data-level='3']").nth(1).click()
    assert visit.numbers() == ["", "3", "", ""]
    visit.export(folder / "answers" / "a.json")
    visit.context.close()
    (given,) = read_answers(made.key, [folder / "answers" / "a.json"], partial=True).given
    shown = given.task.shown
    assert given.levels == ((shown[0], 4), (shown[1], 0), (shown[3], 2))
    assert given.unusable == (shown[2],)

    elsewhere = Visit(browser, path, 1280)  # another browser: nothing is stored
    assert elsewhere.page.inner_text("#count") == "0 answered"
    elsewhere.page.set_input_files("#resume", folder / "answers" / "a.json")
    until(elsewhere.page, "done.size === 1")
    elsewhere.page.click("#begin")
    elsewhere.export(folder / "answers" / "b.json")
    first, second = (json.loads((folder / "answers" / name).read_text()) for name in ("a.json", "b.json"))
    assert (first["session"], first["person"]) == (second["session"], second["person"])
    cut = folder / "cut.json"
    cut.write_text((folder / "answers" / "a.json").read_text().replace("Kim", "Kam"))
    elsewhere.page.click("#to-intro")
    elsewhere.page.set_input_files("#resume", cut)
    elsewhere.page.wait_for_selector("#warning:not([hidden])")
    assert "it is incomplete or was changed" in elsewhere.page.inner_text("#warning")
    elsewhere.context.close()


def test_two_windows_a_full_store_and_an_old_export_lose_nothing(
    browser: Any, new_round: NewRound, folder: Path
) -> None:
    made = new_round(annotators=1)
    path = folder / "pages" / "annotator_1.html"
    visit = Visit(browser, path, 1280)
    visit.begin()
    rank(visit.page, "abcd")
    visit.export(folder / "old.json")
    first, second = visit.page, visit.open(path)
    second.click("#begin")
    first.click("#to-open")
    rank(second, "bacd")
    until(first, "done.size === 2")
    assert first.locator(".place").all_inner_texts() == ["2", "1", "3", "4"], "the other window's answer"
    first.keyboard.press("Enter")
    first.evaluate(FULL)
    rank(first, "cabd")
    assert "could not be stored (QuotaExceededError). Export now" in first.inner_text("#warning")
    for _ in range(3):
        first.keyboard.press("ArrowLeft")
    rank(first, "abcddcba")
    first.click("#to-intro")
    first.set_input_files("#resume", folder / "old.json")
    until(first, "at('resume').files.length === 1")
    visit.page = first
    visit.export(folder / "answers" / "a.json")
    visit.context.close()
    assert visit.errors == []
    given = read_answers(made.key, [folder / "answers" / "a.json"], partial=True).given
    orders = ["".join("abcd"[one.task.shown.index(name)] for name in one.order) for one in given]
    assert orders == ["dcba", "bacd", "cabd"]


def until(page: Any, condition: str) -> None:
    """Wait; the page's policy lets no script of ours poll inside it."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(condition)


def rank(page: Any, keys: str) -> None:
    """Press the letters, and go on."""
    for key in keys:
        page.keyboard.press(key)
    page.keyboard.press("Enter")


def test_a_thousand_contexts_are_ranked_and_exported(browser: Any, tmp_path: Path) -> None:
    """How long it takes is measured by docs/studies/annotation_page.py."""
    write_candidates(tmp_path / "c.jsonl", invented(50, 20))
    made = plan_round(tmp_path / "c.jsonl", Kind.RANKING, Workload(1, 1, 0, 0))
    write_round(made, tmp_path / "c.jsonl", tmp_path / "round")
    visit = Visit(browser, tmp_path / "round" / "pages" / "annotator_1.html", 1280)
    visit.begin()
    visit.page.evaluate(STEPS)
    took = visit.page.evaluate(EXPORT)
    visit.context.close()
    assert visit.errors == []
    assert took["answers"] == len(made.key.assignments["annotator_1"]) == 1000


SMALLEST = """() => Math.min(...[...document.querySelectorAll("#task button")]
  .map(button => button.offsetHeight).filter(height => height))"""
FULL = """() => {
  Storage.prototype.setItem = () => { throw new DOMException("", "QuotaExceededError"); };
}"""
