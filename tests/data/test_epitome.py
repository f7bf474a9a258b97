"""EPITOME's csv files."""

from pathlib import Path

import pytest

from eva.data.epitome import load_epitome
from eva.errors import InputError

HEADER = "sp_id,rp_id,seeker_post,response_post,level,rationales\r\n"


def write(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    (tmp_path / "explorations-reddit.csv").write_bytes((header + "\r\n".join(rows)).encode())
    return tmp_path


def test_quoted_fields_and_rationales(tmp_path: Path) -> None:
    folder = write(tmp_path, 'a1,b1,"I quit,\nfinally",Why  now?,2,Why  now?|', "a1,b2,I quit,Ok.,0,")
    first, second = load_epitome(folder, "ex")
    assert (first.seeker_post, first.response_post, first.level) == ("I quit, finally", "Why now?", 2)
    assert (first.rationales, second.rationales) == (("Why now?",), ())
    assert (first.seeker_id, second.response_id) == ("a1", "b2")


def test_faults_are_listed_together(tmp_path: Path) -> None:
    folder = write(tmp_path, "a,b,Post,Reply,3,", "a,b,Post, ,1,", "a,b,Post")
    with pytest.raises(InputError) as caught:
        load_epitome(folder, "ex")
    message = str(caught.value)
    assert "explorations-reddit.csv: 3 problems" in message
    assert "row 1: level '3' is not one of 0, 1, 2" in message
    assert "row 2: `response_post` is empty" in message
    assert "row 3: 3 fields where 6 are needed" in message


def test_missing_column_file_and_mechanism(tmp_path: Path) -> None:
    folder = write(tmp_path, "a,b", header="sp_id,rp_id\n")
    with pytest.raises(InputError, match=r"missing column.*seeker_post, response_post, level, rationales"):
        load_epitome(folder, "ex")
    with pytest.raises(InputError, match=r"interpretations-reddit.csv: no such file"):
        load_epitome(folder, "ip")
    with pytest.raises(InputError, match="unknown EPITOME mechanism 'zz'; known: ip, ex, er"):
        load_epitome(folder, "zz")
    with pytest.raises(InputError, match="has no rows"):
        load_epitome(write(tmp_path), "ex")
