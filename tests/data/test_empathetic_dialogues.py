"""EmpatheticDialogues csv: never quoted, and refused when a tool has quoted it."""

import csv
from pathlib import Path

import pytest

from eva.data.empathetic_dialogues import load_empathetic_dialogues
from eva.errors import InputError

HEADER = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"
ROWS = [
    'hit:1_conv:2,1,proud,"I won_comma_ at last.,31,"Finally  I won_comma_ " she said.,5|5|5_2|2|5,',
    "hit:1_conv:2,2,proud,I won.,7,Congratulations!,5|5|5_2|2|5,",
    "hit:3_conv:6,1,sad,It rained.,9,It rained all week.,,",
    "hit:3_conv:6,2,sad,It rained.,4,Oh no.,,",
    "hit:3_conv:6,3,sad,It rained.,9,Yes.,,",
]


def write(folder: Path, rows: list[str], header: str = HEADER, ids: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    for split in ("train", "valid", "test"):
        mine = [row.replace("hit:", f"hit:{split[0]}") if ids else row for row in rows]
        (folder / f"{split}.csv").write_text("\n".join([header, *mine, ""]), encoding="utf-8")
    return folder


def test_quotation_marks_are_text_and_commas_are_restored(tmp_path: Path) -> None:
    loaded = load_empathetic_dialogues(write(tmp_path, ROWS))
    first, second = loaded.splits["train"]
    assert first.turns[0].content == '"Finally I won, " she said.'
    assert [turn.role for turn in second.turns] == ["user", "assistant", "user"]
    assert (first.id, first.slices, first.position, second.position) == (
        "hit:t1_conv:2", {"emotion": "proud"}, 0, 1,
    )  # fmt: skip
    assert loaded.utterances["hit:v3_conv:6"] == 3


def test_upstream_candidates_column_is_tolerated(tmp_path: Path) -> None:
    rows = [row + ",Yes.|No.|Maybe_comma_ later." for row in ROWS]
    assert len(load_empathetic_dialogues(write(tmp_path, rows)).splits["test"]) == 2


@pytest.mark.parametrize("style", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("commas", [True, False])
def test_a_quoted_file_is_refused(tmp_path: Path, style: int, commas: bool) -> None:
    write(tmp_path, ROWS)
    path = tmp_path / "valid.csv"
    fields = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    if commas:
        fields = [[field.replace("_comma_", ",") for field in row] for row in fields]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=style).writerows(fields)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"valid.csv, .*fields are quoted"):
        load_empathetic_dialogues(tmp_path)


def test_a_quoted_comma_in_the_utterance_alone_is_seen(tmp_path: Path) -> None:
    rows = [*ROWS[:4], 'hit:3_conv:6,3,sad,It rained.,9,"Yes, all week.",,']
    with pytest.raises(InputError, match=r"train.csv, line 6: fields are quoted"):
        load_empathetic_dialogues(write(tmp_path, rows))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    header = HEADER.replace("context", "feeling")
    with pytest.raises(InputError, match=r"missing column\(s\) context; the header is 'conv_id,"):
        load_empathetic_dialogues(write(tmp_path, ROWS, header))


def test_faulty_rows_are_listed_together(tmp_path: Path) -> None:
    rows = ["hit:9_conv:1,1,sad,Hm.,1,  ,,", "hit:9_conv:1,2,sad", "hit:9_conv:1,x,sad,Hm.,1,Yes.,,"]
    with pytest.raises(InputError) as caught:
        load_empathetic_dialogues(write(tmp_path, rows))
    message = str(caught.value)
    assert "train.csv: 3 problems" in message
    assert "line 2, dialogue hit:t9_conv:1, turn 1: `utterance` is empty" in message
    assert "line 3: 3 fields where at least 6 are needed" in message
    assert "line 4, dialogue hit:t9_conv:1: utterance_idx 'x'" in message


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"hit:t3_conv:6: utterance_idx is \[2, 3\]"):
        load_empathetic_dialogues(write(tmp_path, [*ROWS[:2], *ROWS[3:]]))
    with pytest.raises(InputError, match="its rows are not consecutive"):
        load_empathetic_dialogues(write(tmp_path, [ROWS[2], *ROWS[:2], *ROWS[3:]]))


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    (tmp_path / "test.csv").write_text(HEADER + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"test.csv: 1 problem\n  - has no rows"):
        load_empathetic_dialogues(tmp_path)
    (tmp_path / "test.csv").unlink()
    with pytest.raises(InputError, match=r"test.csv: no such file"):
        load_empathetic_dialogues(tmp_path)
