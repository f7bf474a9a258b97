"""Downloading, against a web server of our own that knows Range and can break off."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from eva.data.fetch import fetch
from eva.data.sources import GITHUB, NOT_PUBLIC, SOURCES, RemoteFile, git_blob_id
from eva.errors import InputError

BODY = bytes(range(256)) * 400


@dataclass
class Site:
    """What the server serves, how it misbehaves, and what it was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)
    knows_range: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.asked.append((self.path, wanted))
            if self.path not in site.files:
                self.send_error(404)
                return
            body = site.files[self.path]
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.knows_range else 0
            if start and start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            self.wfile.write(rest[: site.break_after.pop(0)] if site.break_after else rest)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    served.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def one_file(body: bytes = BODY) -> dict[str, tuple[RemoteFile, ...]]:
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return {"mine": (RemoteFile(GITHUB, "who/what/file.bin", digest),)}


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            content = f"content of {name}".encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_a_verified_file_is_put_in_place_once(site: Site, tmp_path: Path) -> None:
    site.files["/who/what/file.bin"] = BODY
    for _ in range(2):
        assert fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file()) == [tmp_path / "mine"]
    assert (tmp_path / "mine/file.bin").read_bytes() == BODY
    assert len(site.asked) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_wrong_digest_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.files["/who/what/file.bin"] = BODY[:-1] + b"!"
    with pytest.raises(InputError, match="does not have the expected digest sha256:"):
        fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file())
    assert list(tmp_path.iterdir()) == []


def test_an_edited_file_is_named_and_not_replaced(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file.bin").write_bytes(b"edited")
    site.files["/who/what/file.bin"] = BODY
    with pytest.raises(InputError, match=r"mine/file\.bin: not the official content.*move this one away"):
        fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file())
    assert (tmp_path / "mine/file.bin").read_bytes() == b"edited"
    assert not site.asked


def test_a_broken_connection_is_resumed_where_it_ended(site: Site, tmp_path: Path) -> None:
    site.files["/who/what/file.bin"] = BODY
    site.break_after = [1000]
    fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file())
    assert [wanted for _, wanted in site.asked] == [None, "bytes=1000-"]
    assert (tmp_path / "mine/file.bin").read_bytes() == BODY


def test_what_came_is_kept_for_the_next_run(site: Site, tmp_path: Path) -> None:
    site.files["/who/what/file.bin"] = BODY
    site.break_after = [1000, 500, 20]
    with pytest.raises(InputError, match=r"after 1520 bytes .*run the command again to continue"):
        fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file())
    assert not (tmp_path / "mine").exists()
    fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file())
    assert site.asked[-1][1] == "bytes=1520-"
    assert (tmp_path / "mine/file.bin").read_bytes() == BODY


def test_a_server_without_range_starts_over(site: Site, tmp_path: Path) -> None:
    site.files["/who/what/file.bin"] = BODY
    site.break_after, site.knows_range = [1000], False
    fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file())
    assert (tmp_path / "mine/file.bin").read_bytes() == BODY


def test_a_complete_part_needs_no_more_bytes(site: Site, tmp_path: Path) -> None:
    site.files["/who/what/file.bin"] = BODY
    (tmp_path / ".mine.file.bin.part").write_bytes(BODY)
    fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file())
    assert (tmp_path / "mine/file.bin").read_bytes() == BODY


def test_only_the_named_members_leave_an_archive(site: Site, tmp_path: Path) -> None:
    packed = archive("ed/train.csv", "../escaped.txt", "ed/notes.txt", "../../test.csv")
    site.files["/ed.tar.gz"] = packed
    digest = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    sources = {"ed": (RemoteFile(GITHUB, "ed.tar.gz", digest, members=("train.csv", "test.csv")),)}
    fetch(["ed"], tmp_path / "raw", {GITHUB: site.address}, sources)
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert written == ["raw/ed/fetched.json", "raw/ed/test.csv", "raw/ed/train.csv"]
    assert (tmp_path / "raw/ed/train.csv").read_text() == "content of ed/train.csv"


@pytest.fixture
def unpacked(site: Site, tmp_path: Path) -> dict[str, tuple[RemoteFile, ...]]:
    """Sources of an archive with two members, which was fetched once."""
    packed = archive("ed/train.csv", "ed/test.csv")
    site.files["/ed.tar.gz"] = packed
    digest = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    sources = {"ed": (RemoteFile(GITHUB, "ed.tar.gz", digest, members=("train.csv", "test.csv")),)}
    fetch(["ed"], tmp_path, {GITHUB: site.address}, sources)
    assert len(site.asked) == 1
    return sources


def test_an_unpacked_archive_is_not_fetched_again(
    site: Site, tmp_path: Path, unpacked: dict[str, tuple[RemoteFile, ...]]
) -> None:
    fetch(["ed"], tmp_path, {GITHUB: site.address}, unpacked)
    assert len(site.asked) == 1


@pytest.mark.parametrize("noted", [True, False])
def test_an_altered_member_is_named_and_not_replaced(
    site: Site, tmp_path: Path, unpacked: dict[str, tuple[RemoteFile, ...]], noted: bool
) -> None:
    member = tmp_path / "ed" / "test.csv"
    member.write_text(member.read_text().replace("content", "context"))
    if not noted:  # as after `eva data import`
        (tmp_path / "ed" / "fetched.json").unlink()
    with pytest.raises(InputError, match=r"ed/test\.csv: not the official content"):
        fetch(["ed"], tmp_path, {GITHUB: site.address}, unpacked)
    assert member.read_text() == "context of ed/test.csv"
    member.unlink()
    fetch(["ed"], tmp_path, {GITHUB: site.address}, unpacked)
    assert member.read_text() == "content of ed/test.csv"


def test_members_from_elsewhere_are_verified(
    site: Site, tmp_path: Path, unpacked: dict[str, tuple[RemoteFile, ...]]
) -> None:
    (tmp_path / "ed" / "fetched.json").unlink()
    for number in (2, 2):
        fetch(["ed"], tmp_path, {GITHUB: site.address}, unpacked)
        assert len(site.asked) == number


def test_an_archive_without_a_member_is_refused(site: Site, tmp_path: Path) -> None:
    packed = archive("ed/train.csv")
    site.files["/ed.tar.gz"] = packed
    digest = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    sources = {"ed": (RemoteFile(GITHUB, "ed.tar.gz", digest, members=("train.csv", "test.csv")),)}
    with pytest.raises(InputError, match=r"has no file test\.csv"):
        fetch(["ed"], tmp_path, {GITHUB: site.address}, sources)
    assert not (tmp_path / "ed").exists()


def test_errors_of_the_server_and_of_the_name(site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the server returned 404"):
        fetch(["mine"], tmp_path, {GITHUB: site.address}, one_file())
    with pytest.raises(InputError, match="'yours' is not one of mine"):
        fetch(["mine", "yours"], tmp_path, {GITHUB: site.address}, one_file())
    with pytest.raises(InputError, match=r"download failed after 0 bytes .*eva data import"):
        fetch(["mine"], tmp_path, {GITHUB: "http://127.0.0.1:9"}, one_file())


def test_a_git_blob_id_is_what_git_computes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello\n")
    assert git_blob_id(path) == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert RemoteFile(GITHUB, "file", f"git:{git_blob_id(path)}").agrees(path)
    assert not RemoteFile(GITHUB, "file", "git:0").agrees(path)


def test_every_public_corpus_has_a_pinned_source() -> None:
    assert list(SOURCES) == ["esconv", "empathetic_dialogues", "epitome", "evad"]
    digests = [remote.digest.split(":") for remotes in SOURCES.values() for remote in remotes]
    assert {(kind, len(value)) for kind, value in digests} == {("sha256", 64), ("git", 40)}
    assert any("EVAD" in sentence for sentence in NOT_PUBLIC)


def test_pinned_digests_are_those_of_the_research_copies(shared_data: Path) -> None:
    for corpus, name in (("esconv", "FailedESConv.json"), ("evad", "EVAD_sample.json")):
        assert next(r for r in SOURCES[corpus] if r.name == name).agrees(shared_data / corpus / name)
    assert all(remote.agrees(shared_data / "epitome" / remote.name) for remote in SOURCES["epitome"])
