"""One rule for every text file: UTF-8, with or without a byte-order mark, gzipped or not; else refused."""

import codecs
import gzip
import json
from pathlib import Path

import pytest
from tests.cli.conftest import Eva, Outcome, row

from eva.settings.profiles import profile_text

ROWS = [row("a", 1, 1, response="Ünd dann? 🙂"), row("b", 1, 1, response="That is hard.")]
LINES = [json.dumps(one, ensure_ascii=False) for one in ROWS]
TEXT = "\n".join(LINES) + "\n"


def scored(eva: Eva, here: Path, content: bytes, name: str = "r.jsonl") -> Outcome:
    (here / name).write_bytes(content)
    return eva("score", name, "--metrics", "length", "--json", "scores.json")


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + TEXT.encode(),
        gzip.compress(TEXT.encode()),
        gzip.compress(codecs.BOM_UTF8 + TEXT.encode()),
        TEXT.replace("\n", "\r\n").encode(),
        json.dumps(ROWS[0]).encode() + b"\n\n" + LINES[1].encode(),  # escaped pairs are whole characters
    ],
    ids=["byte-order mark", "gzip", "both", "CR LF", "escapes"],
)
def test_the_same_text_gives_the_same_scores(eva: Eva, here: Path, content: bytes) -> None:
    plain = scored(eva, here, TEXT.encode(), "plain.jsonl")
    expected = json.loads((here / "scores.json").read_text())["metrics"]
    done = scored(eva, here, content)
    assert (plain.code, done.code) == (0, 0), done.err
    assert json.loads((here / "scores.json").read_text())["metrics"] == expected


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", r"\u000b", r"\f", r"\u001c"])
def test_only_line_ends_end_a_line(eva: Eva, here: Path, character: str) -> None:
    text = TEXT.replace("That is", f"That{character}is")
    done = scored(eva, here, text.encode())
    assert done.code == 0, done.err
    assert "responses: 2," in done.out


HALF = LINES[1].replace("That", r"\ud83d That")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{LINES[0]}\n{HALF}\n".encode(), [r"line 2: `\ud83d` at column", "an unpaired surrogate"]),
        (HALF.replace("ud83d", "u0000").encode(), [r"line 1: `\u0000` at column", "NUL"]),
        (TEXT.replace("That", "\0That").encode(), ["line 2: holds a NUL character"]),
        (TEXT.replace("🙂", "").encode("latin-1"), ["line 1: byte", "(0xdc) is not UTF-8"]),
        (TEXT.encode("utf-16"), ["is UTF-16; convert it to UTF-8 (`iconv -f UTF-16 -t UTF-8`)"]),
        (TEXT.encode("utf-16-le"), ["is UTF-16"]),
        (TEXT.encode("utf-32"), ["is UTF-32"]),
        (TEXT.replace("That", "\ud83d").encode(errors="surrogatepass"), ["line 2: byte", "is not UTF-8"]),
        (gzip.compress(TEXT.encode())[:-9], ["gzip file that is incomplete or damaged"]),
        (b"[" * 100_000, ["line 1: not readable: lists or objects are nested too deep"]),
        (b'{"turn": ' + b"9" * 5000 + b"}", ["line 1: not readable (Exceeds the limit"]),
        (b'{"turn": ', ["line 1: not JSON", "it ends too early"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_not_text_is_refused_with_its_line(
    eva: Eva, here: Path, content: bytes, said: list[str]
) -> None:
    done = scored(eva, here, content)
    assert done.code == 2
    assert done.err.startswith("error: r.jsonl: ")
    assert all(words in done.err for words in said), done.err
    assert not (here / "scores.json").exists()


def test_all_lines_at_fault_are_named(eva: Eva, here: Path) -> None:
    lines = ["é".encode("latin-1"), b"{}", b"\0", b"\xff"] * 10
    done = scored(eva, here, b"\n".join(lines))
    assert "r.jsonl: 30 problems\n  - line 1: byte 1 (0xe9)" in done.err
    assert "  - line 3: holds a NUL character\n  - line 4: byte 1 (0xff)" in done.err
    assert done.err.endswith("  - and 10 more\n")


def test_an_escaped_backslash_is_no_surrogate(eva: Eva, here: Path) -> None:
    done = scored(eva, here, TEXT.replace("That", r"\\ud83d").encode())
    assert done.code == 0, done.err


def test_a_folder_is_no_file(eva: Eva, here: Path) -> None:
    (here / "r.jsonl").mkdir()
    done = eva("score", "r.jsonl")
    assert (done.code, "Traceback" in done.err) == (2, False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'title: "\\ud83d"\n', r"`\ud83d` at line 1, column 9: write the character itself"),
        (b"a: 1\nb: \x00\n", "line 2: holds a NUL character"),
        ("title: é\n".encode("latin-1"), "line 1: byte 8 (0xe9) is not UTF-8"),
        (b"a: [1\n", "not valid YAML"),
    ],
)
def test_settings_too(eva: Eva, here: Path, content: bytes, said: str) -> None:
    (here / "params.yaml").write_bytes(content)
    done = eva("params", "check")
    assert done.code == 2
    assert f"params.yaml: {said}" in done.err


def test_settings_with_a_byte_order_mark_are_read(eva: Eva, here: Path, root: Path) -> None:
    profile = profile_text(root / "profiles", "smoke").encode()
    (here / "params.yaml").write_bytes(codecs.BOM_UTF8 + profile)
    assert "byte-order" not in eva("params", "check").err
