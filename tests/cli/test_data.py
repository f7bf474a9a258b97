"""`eva data`: counts and an example of a corpus, and refusals."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Eva

from eva.settings.profiles import profile_text


@pytest.fixture
def checkout(here: Path, root: Path, sample: Path) -> Path:
    """A folder with the smoke profile as params.yaml and the sample corpus."""
    (here / "params.yaml").write_text(profile_text(root / "profiles", "smoke"))
    shutil.copytree(sample, here / "data" / "sample")
    return here


@pytest.mark.parametrize(("corpus", "word"), [("esconv", "Question"), ("ed", "supporter turns")])
def test_show_counts_without_a_tokenizer(eva: Eva, checkout: Path, corpus: str, word: str) -> None:
    done = eva("data", "show", corpus)
    assert (done.code, done.err) == (0, "")
    assert "dialogues read" in done.out
    assert word in done.out
    assert "no tokenizer in models/backbone/tiny_llama" in done.out


@pytest.mark.slow
def test_show_marks_what_the_loss_covers(eva: Eva, checkout: Path) -> None:
    from eva.models.tiny import chatml_tokenizer

    chatml_tokenizer().save_pretrained(checkout / "tokenizer")
    done = eva("data", "show", "--tokenizer", "tokenizer")
    assert done.code == 0
    assert "<|im_start|>assistant\n[[" in done.out
    assert "<|im_end|>]]" in done.out


def _pairs(checkout: Path) -> None:
    history = [{"role": "user", "content": "I lost my job."}]
    row = {"id": "7_1", "dialogue_id": "esconv-7", "turn": 1, "n_turns": 4, "history": history}
    sides = {"chosen": "What happened there?", "rejected": "Apply.", "chosen_level": 1, "rejected_level": 4}
    (checkout / "pairs").mkdir()
    (checkout / "pairs" / "train.jsonl").write_text(json.dumps({**row, **sides, "source": "sampled"}) + "\n")


def test_show_prints_pairs_with_level_fit_and_length(eva: Eva, checkout: Path) -> None:
    _pairs(checkout)
    done = eva("data", "show", "--pairs", "pairs")
    assert done.code == 0
    line = next(line for line in done.out.splitlines() if line.startswith("7_1"))
    assert " ".join(line.split()) == "7_1 1 of 4 1 level 1, fits level 4, no fit 3 1 sampled"


@pytest.mark.slow
def test_show_marks_the_trained_tokens_of_both_sides(eva: Eva, checkout: Path) -> None:
    from eva.models.tiny import chatml_tokenizer

    _pairs(checkout)
    chatml_tokenizer().save_pretrained(checkout / "tokenizer")
    done = eva("data", "show", "--pairs", "pairs", "--tokenizer", "tokenizer")
    assert "assistant\n[[What happened there?<|im_end|>]]" in done.out
    assert "7_1 rejected" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--pairs", "nowhere"), "has no train.jsonl"),
        (("--pairs", "pairs", "--pair", "3"), "has 1 training pairs"),
    ],
)
def test_show_of_pairs_that_are_not_there(
    eva: Eva, checkout: Path, words: tuple[str, ...], message: str
) -> None:
    _pairs(checkout)
    done = eva("data", "show", *words)
    assert done.code == 2
    assert message in done.err


def test_show_of_a_dialogue_that_is_not_there(eva: Eva, checkout: Path) -> None:
    done = eva("data", "show", "--dialogue", "9999")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: --dialogue 9999: esconv has 22 training dialogues, numbered from 0\n"
    assert eva("data", "show", "--dialogue", "21").code == 0
    assert eva("data", "show", "--dialogue", "-1").code == 2


def test_show_of_an_unknown_corpus(eva: Eva, checkout: Path) -> None:
    done = eva("data", "show", "esconf")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: 'esconf' is not a row of `corpora`. Known: esconv, ed.\n"


def test_show_of_a_corpus_that_is_not_there(eva: Eva, checkout: Path) -> None:
    shutil.rmtree(checkout / "data")
    done = eva("data", "show")
    assert (done.code, done.out) == (2, "")
    assert "data/sample/esconv: no such folder" in done.err
    assert "eva data import" in done.err


def test_import_of_nothing_writes_nothing(eva: Eva, here: Path) -> None:
    done = eva("data", "import", "nowhere")
    assert done.code == 2
    assert "nowhere" in done.err
    assert list(here.iterdir()) == []


def test_report_before_there_is_one(eva: Eva) -> None:
    done = eva("report")
    assert (done.code, done.out) == (2, "")
    assert "dvc repro report" in done.err


def test_what_people_said_is_a_file_that_score_takes(eva: Eva, checkout: Path) -> None:
    done = eva("data", "responses", "out/human.jsonl")
    assert (done.code, done.err) == (0, "")
    assert "next: `eva score out/human.jsonl`" in done.out
    assert eva("score", "out/human.jsonl", "--metrics", "length").code == 0


def test_both_sides_of_evad_are_compared(eva: Eva, checkout: Path) -> None:
    for of in ("chosen", "rejected"):
        assert eva("data", "responses", f"{of}.jsonl", "--of", of).code == 0
    done = eva("score", "chosen.jsonl", "--baseline", "rejected.jsonl", "--metrics", "length,diversity")
    assert done.code == 0, done.err
    assert done.out.startswith("chosen, rejected\n")


def test_wrong_words_of_responses_come_at_once(eva: Eva, checkout: Path) -> None:
    done = eva("data", "responses", "x.jsonl", "--corpus", "esconf", "--split", "dev", "--of", "gold")
    assert done.code == 2
    assert "3 problems" in done.err
    assert all(word in done.err for word in ("'esconf'", "train, valid, test", "reference, chosen, rejected"))
    assert not Path("x.jsonl").exists()
