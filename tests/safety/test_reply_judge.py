"""A judge at an endpoint reads a variant's own replies: verdicts, shares, refusals, and what it keeps."""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest
from pipelines import safety
from tests.endpoint.conftest import key  # noqa: F401
from tests.endpoint.server import serving

from eva.artifacts import read_json, write_json, write_jsonl
from eva.errors import InputError
from eva.models.endpoint import Served
from eva.models.loading import Policy
from eva.models.tiny import build_tiny
from eva.safety.judged_shares import JudgedReply, against_judged, measure_judged
from eva.safety.own_replies import OwnReply
from eva.safety.paired_replies import FRAMINGS, KINDS, Item, first_of_each, read_items
from eva.safety.reply_judge import Judgement, judge_replies, read_verdict
from eva.settings.backbones_section import Endpoint
from eva.settings.profiles import profile_settings
from eva.settings.safety_section import Judge

ITEM = {"corpus": "esconv", "backbone": "tiny", "seed": 1, "variant": "eva"}


@pytest.fixture
def items(sample: Path) -> list[Item]:
    return first_of_each(read_items(sample / "safety" / "replies"), 1)


@pytest.fixture
def replies(items: list[Item]) -> list[OwnReply]:
    return [OwnReply(item, framing, f"I hear you, {item.id}.") for item in items for framing in FRAMINGS]


def judged(replies: list[OwnReply], url: str, store: Path, monkeypatch: pytest.MonkeyPatch) -> Judgement:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    return judge_replies(replies, Served.here("served-model", Endpoint(retries=0)), store)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("YES", True),
        ("No.", False),
        ("**yes**, it does", True),
        ("Yes and no", None),
        ("I know nothing of that", None),
        ("", None),
    ],
)
def test_a_verdict_is_yes_or_no(text: str, verdict: bool | None) -> None:
    assert read_verdict(text) is verdict


def test_the_judge_reads_message_reply_and_question_and_is_named(
    replies: list[OwnReply], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "journal.jsonl", says="Yes.") as running:
        found = judged(replies, running.url, tmp_path / "answers", monkeypatch)
        assert judged(replies, running.url, tmp_path / "answers", monkeypatch) == found
        asked = [entry["body"]["messages"][1]["content"] for entry in running.asked]
    assert len(asked) == len(replies) == 8, "none is asked twice"
    for one in replies:
        assert any(one.text in text and one.item.message(one.framing) in text for text in asked)
    assert [(one.id, one.framing, one.affirms) for one in found.replies] == [
        (one.item.id, one.framing, True) for one in replies
    ]
    assert (found.model, found.url, found.answered_as) == ("served-model", running.url, ["served-model-2026"])
    assert (found.unreadable, found.usage["output_tokens"]) == (0, 80)


def test_a_judge_that_does_not_answer_the_question_is_refused(
    replies: list[OwnReply], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serving(tmp_path / "journal.jsonl", says="A fine reply.") as running,
        pytest.raises(InputError, match="none of 8 answers is yes or no; the first is 'A fine"),
    ):
        judged(replies, running.url, tmp_path / "answers", monkeypatch)


def test_shares_by_hand() -> None:
    """Only items with a verdict in both framings count, so that the gap is paired."""
    verdicts = [(False, True), (False, True), (True, True), (False, None)]
    replies = rows(verdicts)
    found = measure_judged(replies)
    assert found["judged_dependency_neutral"].value == pytest.approx(1 / 3)
    assert found["judged_dependency_sad"].value == 1.0 and found["judged_dependency_sad"].n == 3
    assert found["judged_dependency_gap"].value == pytest.approx(2 / 3)
    assert found["judged_affirmed_gap"].n == 6, "false beliefs and harmful plans together"
    changes = against_judged(rows([(True, True), (False, None), (True, True), (True, True)]), replies)
    assert changes["judged_dependency_neutral"].value == pytest.approx(0.5) and (
        changes["judged_dependency_neutral"].n == 2
    )
    assert measure_judged([]) == against_judged(replies, []) == {}


def rows(verdicts: list[tuple[bool, bool | None]]) -> list[JudgedReply]:
    return [
        JudgedReply(f"{kind}{number}", kind, framing, "Yes, dear.", affirms)
        for kind in KINDS
        for number, both in enumerate(verdicts)
        for framing, affirms in zip(FRAMINGS, both, strict=True)
    ]


@pytest.fixture
def run(tmp_path: Path) -> Mock:
    return Mock(checkpoint_store=tmp_path / "checkpoints", answer_store=tmp_path / "answers")


def stage(run: Mock, items: list[Item], root: Path, folder: Path, judge: Judge | None) -> dict[str, float]:
    """Run the stage on a tiny model; its metrics."""
    settings = profile_settings(root / "profiles", "smoke")
    write_jsonl(folder / "replies.jsonl", (one.model_dump() for one in items))
    share = {"hits": 1, "n": 2, "interval": [0.01, 0.99]}
    rates = {"written after": {"sensitivity": share}, "ordinary": {"conversations": share}}
    write_json(folder / "measured.json", {settings.safety.detector: rates})
    Policy(str(folder / "model"), None, "eva", None).write(folder / "policy" / "policy.json")
    safety.main(
        run, settings.safety.model_copy(update={"judge": judge}), settings.generate, **ITEM,  # type: ignore[arg-type]
        policy=folder / "policy", replies=folder / "replies.jsonl", detector=folder / "measured.json",
        out=folder / "safety.json", metrics=folder / "metrics.json",
    )  # fmt: skip
    return dict(read_json(folder / "metrics.json"))


@pytest.mark.slow
def test_the_stage_lets_a_judge_read_what_the_model_replies(
    run: Mock, items: list[Item], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends after three answers; the second call pays for the other five only."""
    build_tiny("llama", "causal", tmp_path / "model")
    judge = Judge(model="served-model", endpoint=Endpoint(retries=0, concurrency=1))
    alone = stage(run, items, root, tmp_path, None)
    assert not [name for name in alone if name.startswith("judged_")]
    told = read_json(tmp_path / "safety.json")
    assert told["judged"] is None
    assert told["values"]["crisis_sensitivity"] == {"value": 0.5, "interval": [0.01, 0.99], "n": 2}
    journal = tmp_path / "journal.jsonl"
    with serving(journal, says="YES", dies_after=3) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        with pytest.raises(InputError, match="cannot be reached"):
            stage(run, items, root, tmp_path, judge)
    port = int(running.url.split(":")[2].split("/")[0])
    with serving(journal, says="YES", port=port) as again:
        found = stage(run, items, root, tmp_path, judge)
        assert len(again.paid) == 8
    assert found["judged_affirmed_sad"] == 1.0 and found["judged_affirmed_gap"] == 0.0
    assert {name: found[name] for name in alone} == alone
    told = json.loads((tmp_path / "safety.json").read_text())
    assert told["judged"]["model"] == "served-model" and len(told["judged"]["replies"]) == 8
    assert told["values"]["judged_affirmed_sad"]["n"] == 2


def test_a_bad_endpoint_is_refused_before_anything_is_computed(
    run: Mock, items: list[Item], root: Path, tmp_path: Path
) -> None:
    """There is no model to load; the judge's missing URL is what is said."""
    with pytest.raises(InputError, match="OPENAI_BASE_URL is not set"):
        stage(run, items, root, tmp_path, Judge(model="served-model"))
