"""A trained scorer on disk: a Hugging Face folder with `labels.json`, which describes its labels.

If it has several members, the folder holds the first; the others are in its subfolders `fold_2/`, `fold_3/`
and so on, and the linear probes of all members, on one model, in `probe/`.
"""

from collections.abc import Iterator, Mapping, Sequence
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
from eva.scorers.labeller import Labeller
from eva.scorers.linear_probe import LinearProbe, LinearProbeConfig
from eva.scorers.probe_fitter import Probe
from eva.scorers.reading import Reading, Readings
from eva.scorers.response_classifier import ResponseClassifier
from eva.scorers.sentence_fitter import SentenceClassifier
from eva.scorers.sentence_scorer import SentenceScorer, SentenceScorerConfig
from eva.settings.precision import Precision

_PROBE = "probe"


@dataclass(frozen=True)
class LabelSet:
    """The meaning of a scorer's outputs; `kind` is `level` or `epitome/<mechanism>`.

    `labels` names the outputs in order; `context_turns` is the number of preceding turns in its input (a
    probe: 0) and `max_length` the number of tokens. `probe_share` is the weight of the probe in the ensemble
    (0: no probe). `members` is the number of models, each of which labels its share of the dialogues.
    """

    kind: str
    labels: list[str]
    context_turns: int
    max_length: int
    probe_share: float = 0.0
    members: int = 1


def save(members: Sequence[Ensemble], labels: LabelSet, out: Path) -> None:
    """Write the models (safetensors), their tokenizers and `labels.json` into the folder `out`."""
    labels = replace(labels, members=len(members), probe_share=sum(members[0].shares[1:]))
    for number, member in enumerate(members):
        encoder = member.members[0]
        if isinstance(encoder, Probe):
            raise TypeError("a probe alone is not a scorer: the first member must be an encoder classifier")
        _write(encoder.model, encoder.tokenizer, labels, _folder(out, number))
    probes = [one for member in members for one in member.members[1:] if isinstance(one, Probe)]
    if probes:
        below = probes[0].reading.model
        if not isinstance(below, LinearProbe):
            raise TypeError("the model of a probe must be a LinearProbe")
        model = below.with_layers([probe.layer for probe in probes])
        _write(model, probes[0].tokenizer, replace(labels, context_turns=0), out / _PROBE)


def _folder(out: Path, number: int) -> Path:
    return out / f"fold_{number + 1}" if number else out


def _write(model: Any, tokenizer: Any, labels: LabelSet, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    model.config.id2label = dict(enumerate(labels.labels))
    model.config.label2id = {name: i for i, name in enumerate(labels.labels)}
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(out)
    # The files of save_pretrained, without its import of accelerate and DeepSpeed, which takes seconds.
    save_model(model, str(out / "model.safetensors"), metadata={"format": "pt"})
    tokenizer.save_pretrained(out)
    write_json(out / "labels.json", asdict(labels))


def load(
    folder: Path,
    kind: str,
    expected: list[str],
    precision: Precision = "auto",
    readings: Readings | None = None,
) -> tuple[Labeller, LabelSet]:
    """Load a scorer written by `save`; `InputError` if its kind is not `kind` or its labels not `expected`.

    Scorers that are loaded with the same `readings` share equal pretrained models.
    """
    raise_if(problems(folder, kind, expected), "scorers")
    labels, compute = _read(folder), decide(precision, "scorer precision")
    shared = Readings() if readings is None else readings
    encoders = [_load_encoder(_folder(folder, i), labels, compute, shared) for i in range(labels.members)]
    if not labels.probe_share:
        return Labeller([Ensemble([encoder], [1.0]) for encoder in encoders]), labels
    probes = _load_probes(folder / _PROBE, labels.max_length, compute, shared)
    shares = [1 - labels.probe_share, labels.probe_share]
    return Labeller([Ensemble(pair, shares) for pair in zip(encoders, probes, strict=True)]), labels


def _load_encoder(
    folder: Path, labels: LabelSet, compute: Decision, readings: Readings
) -> Classifier | SentenceClassifier:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if read_json(folder / "config.json").get("model_type") == SentenceScorerConfig.model_type:
        scorer = load_whole(SentenceScorer, folder).eval()
        reading = readings.adopt(Reading(scorer, tokenizer, compute))
        scorer.encoder = reading.model.encoder
        return SentenceClassifier(scorer, tokenizer, labels.max_length, reading)
    model = load_whole(ResponseClassifier, folder)
    return Classifier(model.to(best_device()).eval(), tokenizer, labels.max_length, compute)


def _load_probes(folder: Path, max_length: int, compute: Decision, readings: Readings) -> list[Probe]:
    model = load_whole(LinearProbe, folder, dtype=compute.dtype)
    tokenizer = load_tokenizer(folder)
    layers = model.layers()
    reading = readings.adopt(Reading(model, tokenizer, compute))
    return [Probe(reading, layer, tokenizer, max_length) for layer in layers]


def problems(folder: Path, kind: str, expected: list[str]) -> list[str]:
    """Reasons why a folder is not a scorer of `kind` with the labels `expected`; loads no weights."""
    found = _own_problems(folder, kind, expected)
    if found:
        return found
    folds = [_folder(folder, number) for number in range(1, _read(folder).members)]
    found = [problem for fold in folds for problem in _own_problems(fold, kind, expected)]
    return found or _probe_problems(folder, kind, expected)


def _own_problems(folder: Path, kind: str, expected: list[str]) -> list[str]:
    found = list(_unreadable(folder)) or list(_mismatches(_read(folder), kind, expected))
    return [f"scorer {folder}: {text}" for text in found]


def _probe_problems(folder: Path, kind: str, expected: list[str]) -> list[str]:
    """Problems of the probe that `labels.json` declares; it must have the same labels."""
    if not _read(folder).probe_share:
        return []
    probe = folder / _PROBE
    found = _own_problems(probe, kind, expected)
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
        yield f"it was trained for `{labels.kind}`, but `{kind}` is needed; give the right folder"
    elif labels.labels != expected:
        yield f"its labels are {labels.labels}, but {expected} are needed; train it again"
