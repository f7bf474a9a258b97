"""A corpus and a loss mask as text."""

from pathlib import Path

import pytest

from eva.data.prepare import prepare
from eva.data.show import corpus_summary, rendered_example
from eva.settings.corpora_section import Corpus
from eva.settings.prepare_section import Prepare


class Letters:
    """Token n is letter n."""

    def decode(self, token_ids: list[int]) -> str:
        return "".join(chr(ord("a") + token) for token in token_ids)


def test_the_covered_text_is_marked() -> None:
    labels = [-100, -100, 2, 3, -100, 5]
    assert rendered_example([0, 1, 2, 3, 4, 5], labels, Letters()) == "ab[[cd]]e[[f]]"


def test_a_mask_at_the_start_and_no_mask() -> None:
    assert rendered_example([0, 1], [0, -100], Letters()) == "[[a]]b"
    assert rendered_example([0, 1], [-100, -100], Letters()) == "ab"


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 tokens but 1 labels"):
        rendered_example([0, 1], [0], Letters())


def test_the_summary_shows_the_sample_corpora(sample: Path) -> None:
    for form, folder in (("esconv", "esconv"), ("empathetic_dialogues", "empathetic_dialogues")):
        corpus = Corpus(format=form, path=sample / folder, min_dialogues=1)  # type: ignore[arg-type]
        prepared = prepare("mine", corpus, Prepare(keep_supporter_first=False))
        lines = corpus_summary(prepared.statistics).splitlines()
        assert lines[0] == f"mine ({form})"
        assert lines[1].split() == ["train", "valid", "test"]
        kept = next(line for line in lines if line.startswith("dialogues ") and "read" not in line)
        assert kept.split()[1:] == [str(len(rows)) for rows in prepared.splits.values()]
        assert ("level 4" in lines[-1]) == (form == "esconv")
