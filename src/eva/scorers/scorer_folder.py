"""A trained scorer on disk: a Hugging Face folder with `labels.json`, which says what it labels.

An ensemble is the folder of its first member; the linear probe that votes beside it is in `probe/`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_model

from eva.artifacts import read_json, write_json
from eva.devices import Decision, best_device, decide
from eva.errors import raise_if
from eva.models.loading import load_tokenizer
from eva.models.weights import load_whole
from eva.scorers.encoder_classifier import Classifier
from eva.scorers.ensemble import Ensemble
from eva.scorers.linear_probe import LinearProbe, LinearProbeConfig
from eva.scorers.probe_fitter import Probe
from eva.scorers.response_classifier import ResponseClassifier
from eva.scorers.sentence_fitter import SentenceClassifier
from eva.scorers.sentence_scorer import SentenceScorer, SentenceScorerConfig
from eva.settings.precision import Precision

Trained = Classifier | Ensemble | SentenceClassifier

_PROBE = "probe"


@dataclass(frozen=True)
class LabelSet:
    """The meaning of a scorer's outputs; `kind` is `level` or `epitome/<mechanism>`.

    `labels` names the outputs in order; `context_turns` is how many preceding turns it reads (a
    probe: none) and `max_length` how many tokens. `probe_share` is the share of the probe beside it;
    0: there is none.
    """

    kind: str
    labels: list[str]
    context_turns: int
    max_length: int
    probe_share: float = 0.0


def save(classifier: Trained, labels: LabelSet, out: Path) -> None:
    """Write the model (safetensors), its tokenizer and `labels.json` into the folder `out`."""
    if isinstance(classifier, Ensemble):
        encoder, *probes = classifier.members
        save(encoder, replace(labels, probe_share=sum(classifier.shares[1:])), out)
        for probe in probes:
            save(probe, replace(labels, context_turns=0), out / _PROBE)
        return
    out.mkdir(parents=True, exist_ok=True)
    classifier.model.config.id2label = dict(enumerate(labels.labels))
    classifier.model.config.label2id = {name: i for i, name in enumerate(labels.labels)}
    classifier.model.config.architectures = [type(classifier.model).__name__]
    classifier.model.config.save_pretrained(out)
    # As save_pretrained writes it, without its import of accelerate and DeepSpeed, which takes seconds.
    save_model(classifier.model, str(out / "model.safetensors"), metadata={"format": "pt"})
    classifier.tokenizer.save_pretrained(out)
    write_json(out / "labels.json", asdict(labels))


def load(
    folder: Path, kind: str, expected: list[str], precision: Precision = "auto"
) -> tuple[Trained, LabelSet]:
    """Load what `save` wrote; an `InputError` if it labels something else than `kind` and `expected`."""
    from transformers import AutoTokenizer

    raise_if(problems(folder, kind, expected), "scorers")
    compute = decide(precision, "scorer precision")
    labels = _read(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    classifier: Classifier | SentenceClassifier
    if read_json(folder / "config.json").get("model_type") == SentenceScorerConfig.model_type:
        scorer = load_whole(SentenceScorer, folder)
        classifier = SentenceClassifier(
            scorer.to(best_device()).eval(), tokenizer, labels.max_length, compute
        )
    else:
        model = load_whole(ResponseClassifier, folder)
        classifier = Classifier(model.to(best_device()).eval(), tokenizer, labels.max_length, compute)
    if not labels.probe_share:
        return classifier, labels
    probe = _load_probe(folder / _PROBE, labels.max_length, compute)
    return Ensemble([classifier, probe], [1 - labels.probe_share, labels.probe_share]), labels


def _load_probe(folder: Path, max_length: int, compute: Decision) -> Probe:
    probe = load_whole(LinearProbe, folder, dtype=compute.dtype)
    return Probe(probe.to(best_device()).eval(), load_tokenizer(folder), max_length, compute)


def problems(folder: Path, kind: str, expected: list[str]) -> list[str]:
    """Why a folder is no scorer of `kind` with the labels `expected` (empty: it is); loads no weights."""
    found = list(_unreadable(folder)) or list(_mismatches(_read(folder), kind, expected))
    return [f"scorer {folder}: {text}" for text in found] or _probe_problems(folder, kind, expected)


def _probe_problems(folder: Path, kind: str, expected: list[str]) -> list[str]:
    """Problems of the probe that `labels.json` declares; it must have the same labels."""
    if not _read(folder).probe_share:
        return []
    probe = folder / _PROBE
    found = problems(probe, kind, expected)
    if found or read_json(probe / "config.json").get("model_type") == LinearProbeConfig.model_type:
        return found
    return [f"scorer {probe}: not a linear probe; train the scorer again"]


def _read(folder: Path) -> LabelSet:
    raw = read_json(folder / "labels.json")
    return LabelSet(**{one.name: raw[one.name] for one in fields(LabelSet) if one.name in raw})


def _unreadable(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        yield "no such folder; train it with `dvc repro`, or name another"
        return
    for name in ("labels.json", "config.json"):
        if not (folder / name).is_file():
            yield f"no {name}: this is not a scorer trained by EVA"
    if not list(folder.glob("*.safetensors")):
        yield "no *.safetensors: weights in other formats are not loaded (unpickling can run code)"
    if (folder / "labels.json").is_file():
        yield from _absent(read_json(folder / "labels.json"))


def _absent(raw: Mapping[str, Any]) -> list[str]:
    needed = {one.name for one in fields(LabelSet) if one.default is MISSING}
    return [f"labels.json has no `{name}`" for name in sorted(needed - raw.keys())]


def _mismatches(labels: LabelSet, kind: str, expected: list[str]) -> Iterator[str]:
    if labels.kind != kind:
        yield f"it was trained for `{labels.kind}` and `{kind}` is asked for; give the right folder"
    elif labels.labels != expected:
        yield f"its labels are {labels.labels}, but {expected} are needed; train it again"
