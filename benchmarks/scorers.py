"""The four scorers over many responses: each text read once for all, against one pass per scorer.

Both label the same responses with the same models: EVAEval's level classifier and EPITOME's three scorers,
each with a probe of the same language model. The baseline reads all texts once per scorer, in the order in
which they come, in batches padded to the longest text; ours reads texts of similar length together, and what
scorers share once. The layers on top are random, which costs what trained ones cost. Tokens count padding.

    python -m benchmarks.scorers models/backbone data/prepared/esconv/test.jsonl -n 1000
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eva.artifacts import read_jsonl
from eva.data.dialogue import Dialogue, supporter_turns
from eva.data.responses import Response
from eva.devices import autocast, decide
from eva.models.loading import load_tokenizer
from eva.scorers import linear_probe, response_classifier, sentence_scorer
from eva.scorers.encoder_classifier import Classifier
from eva.scorers.encoding import Encoded, Text, collate, encode
from eva.scorers.ensemble import Ensemble, blend
from eva.scorers.epitome_scorer import DEGREE_LABELS
from eva.scorers.labeller import Labeller, share_of
from eva.scorers.level_scorecard import LEVEL_LABELS
from eva.scorers.linear_probe import LinearProbe
from eva.scorers.probe_fitter import Probe
from eva.scorers.reading import Reading
from eva.scorers.scorer_folder import LabelSet, load, save
from eva.scorers.sentence_fitter import SentenceClassifier
from eva.scorers.sentences import cues, sentences
from eva.scorers.trained import Scorers
from eva.settings.precision import Precision

MECHANISMS = ("ip", "ex", "er")
_KINDS = {"level": LEVEL_LABELS, **{f"epitome/{name}": DEGREE_LABELS for name in MECHANISMS}}
_BATCH, _MAX_LENGTH, _FOLDS = 64, 128, 5


@dataclass(frozen=True)
class Compared:
    """Seconds and tokens (padding included) of both ways, and the share of equal labels."""

    responses: int
    ours: float
    theirs: float
    our_tokens: int
    their_tokens: int
    equal: float

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours


def compare(
    encoder: Path, backbone: Path, rows: Sequence[Response], precision: Precision = "fp32"
) -> Compared:
    """Label `rows` both ways, one after the other; loading and saving are not timed."""
    with tempfile.TemporaryDirectory() as folder:
        _random_scorers(encoder, backbone, precision, Path(folder))
        scorers = Scorers(Path(folder) / "level_classifier", Path(folder) / "epitome", precision)
        apart = {
            kind: load(Path(folder) / _place(kind), kind, list(names), precision)[0]
            for kind, names in _KINDS.items()
        }
        warm = [Response("warm", 1, 1, ({"role": "user", "content": "Well?"},), "Yes, of course.")]
        for kind in _KINDS:
            scorers.labels(kind, warm)
        with _counted() as tokens:
            start = time.perf_counter()
            ours = {kind: np.array(scorers.labels(kind, rows)) for kind in _KINDS}
            middle, our_tokens = time.perf_counter(), sum(tokens)
            theirs = {kind: _one_pass(apart[kind], kind, rows) for kind in _KINDS}
            end = time.perf_counter()
        equal = float(np.mean([ours[kind] == theirs[kind] for kind in _KINDS]))
        return Compared(len(rows), middle - start, end - middle, our_tokens, sum(tokens) - our_tokens, equal)


def _place(kind: str) -> str:
    return "level_classifier" if kind == "level" else kind


def _random_scorers(encoder: Path, backbone: Path, precision: Precision, out: Path) -> None:
    from transformers import AutoTokenizer

    torch.manual_seed(0)
    compute = decide(precision, "scorer precision")
    small, large = AutoTokenizer.from_pretrained(encoder), load_tokenizer(backbone)
    reading = Reading(linear_probe.from_encoder(backbone, 2, compute.dtype), large, compute)
    width = len(reading.model.config.depths) * reading.model.encoder.config.hidden_size
    for kind, names in _KINDS.items():
        members = []
        for _ in range(_FOLDS if kind == "level" else 1):
            probe = Probe(reading, torch.nn.Linear(width, len(names)), large, _MAX_LENGTH)
            members.append(Ensemble([_reader(kind, encoder, small, len(names), compute), probe], [0.5, 0.5]))
        labels = LabelSet(kind, list(names), int(kind != "level"), _MAX_LENGTH)
        save(members, labels, out / _place(kind))


def _reader(kind: str, folder: Path, tokenizer: Any, n_labels: int, compute: Any) -> Any:
    if kind == "level":
        model = response_classifier.from_encoder(folder, n_labels)
        return Classifier(model, tokenizer, _MAX_LENGTH, compute)
    scorer = sentence_scorer.from_encoder(folder, n_labels)
    return SentenceClassifier(scorer, tokenizer, _MAX_LENGTH, Reading(scorer, tokenizer, compute))


def _one_pass(labeller: Labeller, kind: str, rows: Sequence[Response]) -> Any:
    """The baseline's labels by one scorer, which reads all that it needs for itself."""
    texts: list[Text] = [
        row.response if kind == "level" else (row.history[-1]["content"], row.response) for row in rows
    ]
    owners = [share_of(row.dialogue_id, len(labeller.members)) for row in rows]
    found = np.zeros((len(rows), len(_KINDS[kind])))
    for number, member in enumerate(labeller.members):
        places = [i for i, owner in enumerate(owners) if owner == number]
        if places:
            given = [texts[i] for i in places]
            found[places] = blend([_judged(one, given) for one in member.members], member.shares)
    return found.argmax(axis=1)


def _judged(member: Any, texts: Sequence[Text]) -> Any:
    if isinstance(member, Probe):
        rows = encode(
            member.tokenizer, [one if isinstance(one, str) else one[1] for one in texts], member.max_length
        )
        return member.judge(_read(member.reading.model, member.tokenizer, rows, member.reading.compute))
    if isinstance(member, Classifier):
        return _softmax(
            _read(
                member.model,
                member.tokenizer,
                encode(member.tokenizer, texts, member.max_length),
                member.compute,
            )
        )
    split = [sentences(response) for _, response in texts]
    parts = [part for one in split for part in one]
    told = encode(member.tokenizer, [*parts, *(post for post, _ in texts)], member.max_length)
    states = _read(member.reading.model, member.tokenizer, told, member.reading.compute)
    said = torch.cat([states[: len(parts)], torch.tensor([cues(part) for part in parts])], 1)
    owner = torch.arange(len(texts)).repeat_interleave(torch.tensor([len(one) for one in split]))
    with torch.no_grad():
        return _softmax(member.model(said, owner, states[len(parts) :, states.shape[1] // 2 :]).logits)


def _read(model: Any, tokenizer: Any, rows: Sequence[Encoded], compute: Any) -> torch.Tensor:
    """Batches in the order of the rows, each padded to its longest."""
    found = []
    for start in range(0, len(rows), _BATCH):
        inputs = collate(rows[start : start + _BATCH], tokenizer, model.encoder.device)
        with torch.no_grad(), autocast(compute):
            read = model(**inputs).logits if hasattr(model, "pool") else model.embed(**inputs)
        found.append(read.float().cpu())
    return torch.cat(found)


def _softmax(logits: torch.Tensor) -> Any:
    return logits.double().softmax(-1).numpy()


@contextmanager
def _counted() -> Iterator[list[int]]:
    """Tokens of every batch that a language model under a probe reads, padding included."""
    seen: list[int] = []
    embed = LinearProbe.embed

    def counting(self: LinearProbe, response_mask: torch.Tensor, **inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs["input_ids"].numel())
        return embed(self, response_mask, **inputs)

    LinearProbe.embed = counting  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        LinearProbe.embed = embed  # type: ignore[method-assign]


def responses(dialogues: Path, n: int) -> list[Response]:
    """The first `n` supporter turns of a prepared split, as if a system had said them."""
    turns = supporter_turns([Dialogue.from_dict(row) for row in read_jsonl(dialogues)])
    return [Response.at(turn, turn.gold.content) for turn in turns[:n]]


def main() -> None:
    """Run both ways and write their times, tokens and ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, help="folder with minilm/ and smollm2/")
    parser.add_argument("dialogues", type=Path, help="prepared split, one dialogue a line")
    parser.add_argument("-n", type=int, default=1000, help="responses to label")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    given = parser.parse_args()
    found = compare(
        given.models / "minilm",
        given.models / "smollm2",
        responses(given.dialogues, given.n),
        given.precision,
    )
    lines = [
        f"{found.responses} responses, four scorers, {given.precision}, {found.equal:.2%} of labels equal",
        f"read once         {found.ours:8.1f} s {found.our_tokens:10,} tokens of the probed model",
        f"a pass a scorer   {found.theirs:8.1f} s {found.their_tokens:10,} tokens",
        f"ratio             {found.ratio:8.2f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
