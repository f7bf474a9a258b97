"""Log lines of a long loop."""

import pytest

from eva.scorers import progress
from eva.scorers.progress import Progress


def test_it_tells_at_the_end_and_every_so_often(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with caplog.at_level("INFO"):
        loop = Progress("reading", 4)
        for done, at in enumerate((105.0, 121.0, 125.0, 126.0), start=1):
            now[0] = at
            loop.log(done, f"loss {done}")
    assert caplog.messages == [
        "reading: 2 of 4, loss 2, 21 s, about 21 s left",
        "reading: 4 of 4, loss 4, 26 s, about 0 s left",
    ]
