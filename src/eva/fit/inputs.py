"""The sizes of the stages' inputs: from files if they exist, else those of the published corpora.

Of long corpora only `_SAMPLE` dialogues, evenly spaced in a split, are measured.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from eva.data.dialogue import Dialogue, SupporterTurn, subset
from eva.data.prepare import Prepared, prepare
from eva.errors import InputError
from eva.fit.architecture import Architecture, architecture_of
from eva.fit.pair_sizes import Pairs, asked_prompts, measured_pair, published_pairs
from eva.fit.text_sizes import Count, Prompts, Said, Sequences, measure, prompts, token_counter, windows
from eva.settings.params_file import Settings

log = logging.getLogger(__name__)

Split = Literal["train", "valid", "test"]

_SAMPLE = 100
_BACKBONES = Path("models/backbone")
_TURN = 30  # assumed tokens of a supporter turn with its template, if there is no corpus
# The official corpora without dialogues that the supporter starts: number of dialogues by split, turns per
# dialogue, tokens per turn.
_PUBLISHED: dict[str, tuple[dict[Split, int], int, int]] = {
    "esconv": ({"train": 422, "valid": 94, "test": 86}, 22, 33),
    "failed_esconv": ({"train": 422, "valid": 94, "test": 86}, 22, 33),
    "empathetic_dialogues": ({"train": 19530, "valid": 2769, "test": 2547}, 4, 26),
}
_PUBLISHED_UTTERANCES = 15500  # supporter utterances of ESConv with a strategy in train and valid
_PUBLISHED_EPITOME = (3084, 44, 55)  # pairs, mean tokens of a post, mean tokens of a response


@dataclass(frozen=True)
class Sample:
    """The token counts of `n` dialogues, of which those in `said` were measured."""

    n: int
    said: Sequence[Said]

    @property
    def scale(self) -> float:
        """The number of dialogues that each measured one represents."""
        return self.n / len(self.said) if self.said else 0.0

    def windows(self, max_length: int) -> Sequences:
        """The training sequences of all `n` dialogues."""
        total = Sequences()
        for one in self.said:
            total += windows(one, max_length)
        return total.times(self.scale)

    def prompts(self, max_length: int) -> list[Prompts]:
        """The prompts of the measured dialogues; each counts `scale` times."""
        return [prompts(one, max_length) for one in self.said]


class Inputs:
    """The sizes of the inputs that `settings` name, computed when needed; `guessed` lists assumptions."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self.settings, self._root = settings, root
        self._prepared: dict[str, Prepared | None] = {}
        self._samples: dict[tuple[object, ...], Sample] = {}
        self.guessed: set[str] = set()

    def under(self, settings: Settings) -> "Inputs":
        """The same files with other settings of the stages that read them."""
        other = Inputs(settings, self._root)
        other._prepared, other._samples = self._prepared, self._samples
        return other

    def architecture(self, backbone: str) -> Architecture | None:
        """The shape of a backbone; None if it is unknown."""
        return architecture_of(self.settings.backbones[backbone], self._root / _BACKBONES / backbone)

    def counter(self, backbone: str) -> Count:
        """A function that counts tokens with a backbone's tokenizer, or from characters if it is missing."""
        count, exact = token_counter(self._root / _BACKBONES / backbone)
        if not exact:
            self.guessed.add(f"tokens of {backbone}, estimated from characters")
        return count

    def dialogues(self, corpus: str, split: Split) -> list[Dialogue] | None:
        """The dialogues of a corpus that `prepare` keeps; None if its files do not exist."""
        prepared = self._prepare(corpus)
        return None if prepared is None else list(prepared.splits[split])

    def sample(
        self, corpus: str, split: Split, backbone: str, limit: int | None = None, prompt: str = "eva"
    ) -> Sample:
        """The token counts of `limit` evenly spaced dialogues of a split, or of all."""
        key = (corpus, split, backbone, limit, prompt)
        if key not in self._samples:
            self._samples[key] = self._measured(corpus, split, backbone, limit, prompt)
        return self._samples[key]

    def _measured(self, corpus: str, split: Split, backbone: str, limit: int | None, prompt: str) -> Sample:
        found = self.dialogues(corpus, split)
        if found is None:
            return self._published(corpus, split, limit)
        count, used = self.counter(backbone), subset(found, limit)
        return Sample(len(used), [measure(one, count, prompt) for one in subset(used, _SAMPLE)])

    def _published(self, corpus: str, split: Split, limit: int | None) -> Sample:
        row = self.settings.corpora[corpus]
        if row.format not in _PUBLISHED:
            raise InputError(
                f"`corpora.{corpus}.path` is {row.path}: no such folder, and of the format {row.format} no "
                "sizes are published to go by; bring the corpus first"
            )
        counts, turns, tokens = _PUBLISHED[row.format]
        self.guessed.add(f"{corpus} as published, since {row.path} is not here")
        said = Said(50, tuple((bool(i % 2), tokens) for i in range(turns)))
        return Sample(min(counts[split], limit or counts[split]), [said])

    def _prepare(self, corpus: str) -> Prepared | None:
        if corpus not in self._prepared:
            row = self.settings.corpora[corpus]
            here = (self._root / row.path).is_dir()
            moved = row.model_copy(update={"path": self._root / row.path})
            self._prepared[corpus] = prepare(corpus, moved, self.settings.prepare) if here else None
        return self._prepared[corpus]

    def pairs(self, backbone: str) -> Pairs:
        """The sizes of the preference pairs of a backbone, by the recipe of the settings."""
        section = self.settings.preferences
        prepared = self._prepare(section.corpus)
        evad = self._root / self.settings.data.evad
        if prepared is None or (section.from_file and not evad.is_file()):
            self.guessed.add("preference pairs as for the published ESConv")
            return published_pairs(section, self.settings.dpo)
        from eva.data.evad import load_evad
        from eva.preferences.recipes import build

        asked: list[SupporterTurn] = []

        def answer(turns: Sequence[SupporterTurn]) -> list[str]:
            asked.extend(turns)
            return [f"{turn.gold.content} {number}" for number, turn in enumerate(turns)]

        records = load_evad(evad) if section.from_file else ()
        sets = build(section, prepared.everything, records, answer)
        count, dpo = self.counter(backbone), self.settings.dpo
        train, valid = (
            [measured_pair(row, count, dpo.max_length) for row in rows] for rows in (sets.train, sets.valid)
        )
        return Pairs(train, valid, asked_prompts(asked, count, self.settings.generate.max_length))

    @cached_property
    def level_rows(self) -> tuple[int, int, int]:
        """Rows of the level classifier, their mean tokens, and the supporter turns of the test split."""
        section = self.settings.level_classifier
        count = self.counter(section.encoder)
        prepared = self._prepare(section.corpus)
        if prepared is None:
            return _PUBLISHED_UTTERANCES, min(section.max_length, _TURN * (1 + section.context_turns)), 1100
        from eva.scorers.level_examples import from_turns, from_utterances, read_level_file

        used = [*prepared.splits["train"], *prepared.splits["valid"]]
        lost = [row.dialogue for row in prepared.dropped if row.split != "test"]
        if section.labels == "file":
            labelled = read_level_file(self._root / self.settings.data.levels, section.context_turns)
        else:
            labelled = from_utterances([*used, *lost], section.context_turns)
        known = {(row.dialogue_id, row.turn) for row in labelled if row.whole}
        turns = from_turns(prepared.splits["train"], section.context_turns)
        rows = [*labelled, *(row for row in turns if (row.dialogue_id, row.turn) not in known)]
        step = max(1, len(rows) // 200)
        lengths = [min(section.max_length, 3 + count(_joined(row.text))) for row in rows[::step]]
        tested = sum(one.n_supporter_turns for one in prepared.splits["test"])
        return len(rows), round(sum(lengths) / max(1, len(lengths))), tested

    def epitome_pairs(self, mechanism: str) -> tuple[int, int, int]:
        """Number of pairs of a mechanism, mean tokens of a post, mean tokens of a response."""
        folder = self._root / self.settings.data.epitome
        if not folder.is_dir():
            self.guessed.add("EPITOME as published")
            return _PUBLISHED_EPITOME
        from eva.data.epitome import load_epitome

        rows = load_epitome(folder, mechanism)
        count = self.counter(self.settings.epitome.encoder)
        some = rows[:: max(1, len(rows) // 100)]
        post, response = (
            round(sum(count(text) for text in texts) / len(some))
            for texts in ([row.seeker_post for row in some], [row.response_post for row in some])
        )
        return len(rows), post, response


def _joined(text: str | tuple[str, str]) -> str:
    return text if isinstance(text, str) else " ".join(text)
