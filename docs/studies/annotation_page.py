"""How long a page of 1,000 contexts takes for a step and for its export, in Chromium; and the import.

Usage: python docs/studies/annotation_page.py [/usr/bin/chromium]

Prints Markdown. A step is from the key that ends a task to the frame in which the next one stands.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from page_scripts import EXPORT, STEPS
from simulated_annotators import answer, invented

from eva.annotation.assignment import Workload
from eva.annotation.consensus import Consensus
from eva.annotation.gathering import read_answers
from eva.annotation.round_export import plan_round, write_round
from eva.annotation.round_key import Kind, Round
from eva.annotation.votes import MOST_AGAINST
from eva.cli.evaluate_settings import unconfigured
from eva.data.candidates import write_candidates

WIDTHS = (1280, 390)


def measured(browser: Any, page_file: Path, width: int) -> str:
    """A line about one width."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    start = time.perf_counter()
    page.goto(page_file.as_uri())
    page.fill("#person", "Kim")
    page.click("#begin")
    opened = 1000 * (time.perf_counter() - start)
    steps, took = sorted(page.evaluate(STEPS)), page.evaluate(EXPORT)
    page.close()
    middle = steps[len(steps) // 2]
    return (
        f"| {width} | {opened:.0f} | {middle:.0f} | {steps[-1]:.0f} | {took['ms']:.0f} | {took['answers']} |"
    )


def pages(round_: Path, chromium: str) -> Iterator[str]:
    """The table of the page."""
    from playwright.sync_api import sync_playwright

    file = round_ / "pages" / "annotator_01.html"
    yield f"The page has {file.stat().st_size / 1e6:.1f} MB."
    yield from ("", "| width | to the first task, ms | step, median | step, longest | export | answers |")
    yield "|---:|---:|---:|---:|---:|---:|"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield from (measured(browser, file, width) for width in WIDTHS)
        browser.close()


def imported(round_: Path) -> str:
    """How long the answers of all take, from the files to the report."""
    answer(round_, (0.1, 0.2, 0.3))
    start, cpu = time.perf_counter(), time.process_time()
    made = Round.read(round_)
    answers = read_answers(made.key, sorted((round_ / "answers").glob("*.json")), partial=False)
    Consensus.of(made, answers.given, MOST_AGAINST, unconfigured()).write(round_, {})
    seconds = f"{time.perf_counter() - start:.1f} s ({time.process_time() - cpu:.1f} s of CPU)"
    return f"Import of {len(answers.given)} answers of twelve: {seconds}."


def main(chromium: str = "/usr/bin/chromium") -> None:
    """Make the round, and measure."""
    with tempfile.TemporaryDirectory() as name:
        candidates, round_ = Path(name) / "candidates.jsonl", Path(name) / "round"
        write_candidates(candidates, invented(50, 20))
        start = time.perf_counter()
        write_round(plan_round(candidates, Kind.RANKING, Workload(12, 12, 5, 0)), candidates, round_)
        sys.stdout.write(f"Twelve pages of 1,000 contexts: written in {time.perf_counter() - start:.1f} s.\n")
        sys.stdout.write("\n".join([*pages(round_, chromium), "", imported(round_)]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
