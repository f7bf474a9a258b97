"""The sample corpus is what its README says: enough of everything, and no text twice."""

import csv
import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

from eva.data.dialogue import STRATEGY_LEVELS

WORDS = re.compile(r"[a-z0-9']+")


def _sixgrams(texts: list[str]) -> set[tuple[str, ...]]:
    grams = set()
    for text in texts:
        words = WORDS.findall(text.lower().replace("’", "'"))
        grams |= {tuple(words[i : i + 6]) for i in range(len(words) - 5)}
    return grams


def _esconv(sample: Path) -> list[dict]:
    return json.loads((sample / "esconv" / "ESConv.json").read_text(encoding="utf-8"))


def _ed(sample: Path) -> dict[str, list[dict[str, str]]]:
    rows: dict[str, list[dict[str, str]]] = {}
    for split in ("train", "valid", "test"):
        with (sample / "empathetic_dialogues" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, quoting=csv.QUOTE_NONE):
                rows.setdefault(row["conv_id"], []).append(row)
    return rows


def _epitome(sample: Path, name: str) -> list[dict[str, str]]:
    with (sample / "epitome" / f"{name}-reddit.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_support_dialogues(sample: Path) -> None:
    dialogues = _esconv(sample)
    assert len(dialogues) >= 40
    assert all(12 <= len(d["dialog"]) <= 20 for d in dialogues)
    used = Counter(
        u["annotation"]["strategy"] for d in dialogues for u in d["dialog"] if u["speaker"] == "supporter"
    )
    assert set(used) == set(STRATEGY_LEVELS)
    assert {d["dialog"][0]["speaker"] for d in dialogues} == {"seeker", "supporter"}
    assert len({d["problem_type"] for d in dialogues}) >= 8
    assert len({d["situation"] for d in dialogues}) == len(dialogues)


def test_no_six_words_in_a_row_occur_in_two_dialogues(sample: Path) -> None:
    conversations = [[u["content"] for u in d["dialog"]] for d in _esconv(sample)]
    conversations += [
        [row["utterance"].replace("_comma_", ",") for row in rows] for rows in _ed(sample).values()
    ]
    grams = [_sixgrams(texts) for texts in conversations]
    shared = [
        (i, j, grams[i] & grams[j]) for i, j in combinations(range(len(grams)), 2) if grams[i] & grams[j]
    ]
    assert not shared


def test_emotion_conversations(sample: Path) -> None:
    conversations = _ed(sample)
    assert len(conversations) >= 48
    assert len({rows[0]["context"] for rows in conversations.values()}) >= 12


def test_preferences(sample: Path) -> None:
    preferences = json.loads((sample / "evad" / "EVAD.json").read_text(encoding="utf-8"))
    assert len(preferences) >= 40
    assert all(p["Chosen"] != p["Rejected"] and p["ChosenLevel"] != p["RejectedLevel"] for p in preferences)
    assert (
        {p["ChosenLevel"] for p in preferences} == {p["RejectedLevel"] for p in preferences} == {1, 2, 3, 4}
    )


def test_empathy_pairs(sample: Path) -> None:
    for name in ("emotional-reactions", "explorations", "interpretations"):
        rows = _epitome(sample, name)
        assert len(rows) >= 90
        assert {row["level"] for row in rows} == {"0", "1", "2"}
        spans = [(row, part) for row in rows for part in row["rationales"].split("|") if part]
        assert all(part in row["response_post"] for row, part in spans)


def test_it_says_that_it_is_invented(sample: Path) -> None:
    assert "Invented for demonstration" in (sample / "README.md").read_text()
