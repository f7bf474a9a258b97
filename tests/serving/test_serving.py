"""A served model answers as OpenAI's API does, within its bounds, and with the guard in front."""

import concurrent.futures
import http.client
import json
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from tests.serving.conftest import Scripted, running

from eva.generation.reply import Reply
from eva.registry.served_chat import ChatModel
from eva.safety.guard import WITHHELD
from eva.safety.notices import REFERRAL
from eva.settings.serve_section import Serve

LOST: Any = [{"role": "user", "content": "I lost my job."}]
CRISIS: Any = [{"role": "user", "content": "I want to kill myself tonight"}]


@pytest.fixture(scope="module")
def served(tiny: ChatModel) -> Iterator[str]:
    with running({"eva-tiny/2": tiny, "eva-tiny/1": tiny, "base": tiny}) as address:
        yield address


def client(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, timeout=60)


def post(address: str, **given: Any) -> httpx.Response:
    return httpx.post(f"{address}/v1/chat/completions", json=given, timeout=60)


def until(reached: Any) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_plain_client_gets_what_the_model_says(served: str, tiny: ChatModel) -> None:
    said = client(served).chat.completions.create(
        model="eva-tiny", messages=LOST, temperature=0, max_tokens=5, extra_body={"labels": True}
    )
    (direct,) = tiny.predict({"messages": LOST, "temperature": 0, "max_tokens": 5})
    assert said.choices[0].message.content == direct["choices"][0]["message"]["content"]
    assert (
        said.usage is not None and said.usage.completion_tokens == direct["usage"]["completion_tokens"] <= 5
    )
    assert said.model == "eva-tiny/2", "the version, not the name that was asked for"
    assert said.model_extra is not None
    assert said.model_extra["eva"]["guard"] == {"source": "model", "topic": None}
    assert said.model_extra["eva"]["response_type"] == "o" and said.model_extra["eva"]["level"] is None


def test_a_streamed_reply_is_the_same_reply(served: str) -> None:
    asked: Any = {"model": "eva-tiny", "messages": LOST, "seed": 7}
    whole = client(served).chat.completions.create(**asked)
    stream = client(served).chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    other = client(served).chat.completions.create(**{**asked, "seed": 8})
    assert other.choices[0].message.content != whole.choices[0].message.content


def test_models_are_listed_and_found_by_version_alias_and_name(served: str) -> None:
    listed = client(served).models.list().data
    assert [one.id for one in listed] == ["eva-tiny/2", "eva-tiny/1", "base"]
    for wanted, answers in (
        ("eva-tiny@champion", "eva-tiny/2"),
        ("models:/eva-tiny/1", "eva-tiny/1"),
        ("base", "base"),
    ):
        assert post(served, model=wanted, messages=LOST, max_tokens=1).json()["model"] == answers
    health = httpx.get(f"{served}/health").json()
    assert health == {"status": "ok", "model": "eva-tiny/2", "at_work": 0}


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"messages": []}, 400, "starts and ends with a user message"),
        ({}, 400, "messages: Field required"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "role 'wizard'"),
        ({"messages": [{"role": "system", "content": "x"}, *LOST]}, 400, "its own system text"),
        ({"messages": [*LOST, {"role": "assistant", "content": "x"}]}, 400, "ends with a user message"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "not empty"),
        ({"messages": [{"role": "user", "content": "x" * 4001}]}, 400, "4001 characters"),
        ({"messages": LOST * 201}, 400, "201 messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "reads text only"),
        ({"messages": LOST, "n": 2}, 400, "does not know n as given"),
        ({"messages": LOST, "temperature": -1}, 400, "temperature"),
        ({"messages": LOST, "temperature": "hot"}, 400, "temperature: Input should be a valid number"),
        ({"messages": LOST, "top_p": [1]}, 400, "top_p"),
        ({"messages": LOST, "seed": 2**63}, 400, "seed"),
        ({"messages": LOST, "max_tokens": 0}, 400, "max_tokens"),
        ({"messages": LOST, "model": "gpt-4"}, 404, "no model 'gpt-4'"),
        ([1], 400, "the request"),
    ],
)
def test_a_request_that_cannot_be_answered_gets_one_message(
    served: str, given: Any, status: int, said: str
) -> None:
    found = httpx.post(f"{served}/v1/chat/completions", json=given, timeout=60)
    assert found.status_code == status, found.text
    assert said in found.json()["error"]["message"]


def test_null_counts_as_left_out(served: str) -> None:
    nulls = dict.fromkeys(("model", "stream", "stream_options", "temperature", "seed", "labels", "tools"))
    assert post(served, messages=LOST, max_tokens=1, **nulls).status_code == 200


def test_a_fault_of_the_server_is_told_in_one_sentence_also_in_a_stream() -> None:
    class Broken:
        def say(self, *_: Any) -> Any:
            raise RuntimeError("they wrote: I lost my job")

    with running({"eva/1": Broken()}) as address:
        whole = post(address, messages=LOST)
        assert (whole.status_code, whole.json()["error"]["type"]) == (500, "server_error")
        streamed = post(address, messages=LOST, stream=True)
        assert json.loads(streamed.text.split("data: ")[-1]) == whole.json()
        assert "lost" not in whole.text
        assert httpx.get(f"{address}/health").json()["at_work"] == 0


def test_what_is_no_json_or_ten_megabytes_is_refused(served: str) -> None:
    assert httpx.post(f"{served}/v1/chat/completions", content=b"{").status_code == 400
    assert httpx.post(f"{served}/v1/chat/completions", content=b"\xff").status_code == 400
    deep = b"[" * 100_000
    assert httpx.post(f"{served}/v1/chat/completions", content=deep).status_code == 400
    large = post(served, messages=[{"role": "user", "content": "x" * 10_000_000}])
    assert large.status_code == 413 and "256 kB" in large.json()["error"]["message"]


@pytest.mark.parametrize("length", [{"Content-Length": "10000000"}, {"Transfer-Encoding": "chunked"}])
def test_a_large_body_is_refused_before_it_is_read_to_its_end(served: str, length: dict[str, str]) -> None:
    """Of the body only the beginning is ever sent: who waited for the rest would not answer."""
    part = b" " * 300_000
    connection = http.client.HTTPConnection(served.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/v1/chat/completions")
    for name, value in length.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(part if "Content-Length" in length else b"%x\r\n%s\r\n" % (len(part), part))
    assert connection.getresponse().status == 413
    connection.close()


def test_another_host_name_is_refused(served: str) -> None:
    assert httpx.get(f"{served}/health", headers={"Host": "evil.example"}).status_code == 400


def test_danger_gets_the_referral_at_once_and_no_model_is_asked() -> None:
    slow = Scripted(seconds=1)
    with running({"eva/1": slow}) as address, concurrent.futures.ThreadPoolExecutor() as pool:
        busy = pool.submit(post, address, messages=LOST)
        until(lambda: slow.asked)
        said = post(address, messages=CRISIS).json()
        assert not busy.done(), "a referral does not wait for the model"
        assert said["choices"][0]["message"]["content"] == REFERRAL
        assert said["choices"][0]["finish_reason"] == "content_filter"
        assert said["eva"]["guard"] == {"source": "referral", "topic": "suicide"}
        stream = list(client(address).chat.completions.create(model="eva", messages=CRISIS, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == REFERRAL
        assert len(slow.asked) == 1


def test_a_reply_about_danger_is_withheld_before_its_sentence_is_sent() -> None:
    with running({"eva/1": Scripted("I see. You should kill yourself. Bye now.")}) as address:
        whole = post(address, messages=LOST).json()
        assert whole["choices"][0]["message"]["content"] == WITHHELD
        assert whole["eva"]["guard"]["source"] == "withheld"
        stream = list(client(address).chat.completions.create(model="eva", messages=LOST, stream=True))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert text == f"I see.\n{WITHHELD}"
        assert stream[-1].choices[0].finish_reason == "content_filter"


def test_a_client_that_leaves_frees_its_work() -> None:
    slow = Scripted("word " * 600, seconds=0.05)
    with running({"eva/1": slow}) as address:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{address}/v1/chat/completions", json={"messages": LOST}, timeout=1)
        until(lambda: slow.ended == ["GoneError"])
        asked = {"messages": LOST, "stream": True}
        with httpx.stream("POST", f"{address}/v1/chat/completions", json=asked, timeout=5) as streamed:
            next(streamed.iter_lines())
        until(lambda: slow.ended == ["GoneError", "GoneError"])
        until(lambda: httpx.get(f"{address}/health").json()["at_work"] == 0)


def test_what_takes_too_long_or_comes_in_too_great_numbers_is_told_to_wait() -> None:
    slow = Scripted("word " * 600, seconds=0.05)
    with (
        running({"eva/1": slow}, Serve(at_once=3, seconds=1.5)) as address,
        concurrent.futures.ThreadPoolExecutor(100) as pool,
    ):
        asked = [pool.submit(post, address, messages=LOST) for _ in range(100)]
        until(lambda: slow.asked)
        assert post(address, messages=CRISIS).status_code == 200, "the referral is never too much"
        found = [one.result() for one in asked]
    assert {one.status_code for one in found} == {429, 503}
    assert all(one.headers["Retry-After"] == "5" for one in found)
    assert sum(one.status_code == 503 for one in found) >= 3
    assert "no answer within 1.5 s" in next(one.text for one in found if one.status_code == 503)


def test_replies_are_made_beside_each_other() -> None:
    together = threading.Barrier(2, timeout=30)

    class Meeting(Scripted):
        def say(self, *given: Any) -> Reply:
            together.wait()  # for the other one
            return super().say(*given)

    with running({"eva/1": Meeting()}) as address, concurrent.futures.ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda _: post(address, messages=LOST), range(2)))
    assert [reply.status_code for reply in replies] == [200, 200]


def test_twenty_clients_at_once_are_all_answered(served: str) -> None:
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda n: post(served, messages=LOST, seed=n), range(20)))
    assert [one.status_code for one in found] == [200] * 20
    again = post(served, messages=LOST, seed=3).json()
    assert again["choices"] == found[3].json()["choices"], "a reply does not depend on what else is asked"


def test_conversations_are_stored_only_where_a_setting_asks(tmp_path: Path) -> None:
    with running({"eva/1": Scripted()}, store=tmp_path / "kept") as address:
        assert post(address, messages=LOST).status_code == 200
        assert "This server stores what is written." in httpx.get(address).text
    (path,) = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["messages"] == LOST
    with running({"eva/1": Scripted()}) as address:
        post(address, messages=LOST)
        assert "Nothing is stored." in httpx.get(address).text
