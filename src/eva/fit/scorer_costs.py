"""The cost of training scorers, of evaluation, and of stages without a language model."""

from eva.fit.architecture import Architecture
from eva.fit.inputs import Inputs
from eva.fit.memory_needs import classifier_memory, reading_memory
from eva.fit.stage_cost import STORED, Formats, StageCost
from eva.fit.text_sizes import Sequences, sequence
from eva.fit.work import Compute, Part, Regressions, Small, Write
from eva.settings.scorer_section import Scorer

_BATCH = 64
_SENTENCES = 4  # mean sentences of an EPITOME response
_FITS = 5  # fits of a sentence scorer for each fold
_COPIES = 2  # of a model on its way into the registry: EVA's folder and MLflow's


def level_classifier_cost(inputs: Inputs, formats: Formats) -> StageCost:
    """Fine-tuning the encoder on every fold, predictions of each, and the probe."""
    name, settings = "level_classifier", inputs.settings.level_classifier
    encoder = inputs.architecture(settings.encoder)
    if encoder is None:
        return StageCost(name, "scorers", unknown=f"the shape of {settings.encoder}")
    encoder = _shortened(encoder, settings.layers)
    precision = formats(settings.precision, "level_classifier")
    rows, length, tested = inputs.level_rows
    held_out = rows / settings.folds
    steps = settings.folds * max(1, round(settings.epochs * -(-(rows - held_out) // settings.batch_size)))
    learnt = _reading(steps * settings.batch_size, length)
    read = _reading(rows + 3 * tested, length)
    parts: list[Part] = [
        Compute("train", encoder, learnt.tokens, learnt.squares, 0, settings.batch_size, length),
        Compute("forward", encoder, read.tokens, read.squares, 0, _BATCH, length),
        Small(1.5),
    ]
    probe, held = _probe(inputs, settings, rows + 3 * tested, length // (1 + settings.context_turns), 5)
    memory = classifier_memory(encoder, settings.batch_size, settings.max_length, settings.folds) + held
    parts += probe
    return StageCost(name, "scorers", tuple(parts), precision, learnt.tokens, steps, memory)


def epitome_cost(mechanism: str, inputs: Inputs, formats: Formats) -> StageCost:
    """A forward pass of the encoder over every sentence and post, and regressions on its embeddings."""
    name, settings = f"epitome@{mechanism}", inputs.settings.epitome
    encoder = inputs.architecture(settings.encoder)
    if encoder is None:
        return StageCost(name, "scorers", unknown=f"the shape of {settings.encoder}")
    precision = formats(settings.precision, "epitome")
    pairs, post, response = inputs.epitome_pairs(mechanism)
    sentence = max(6, response // _SENTENCES)
    texts = _reading(pairs * _SENTENCES, sentence) + _reading(pairs, min(post, settings.max_length))
    fits = (settings.folds + 1) * (settings.folds - 1) / settings.folds
    columns = _SENTENCES * 2 * encoder.hidden * (_FITS - 1) + 5 * encoder.hidden
    parts: list[Part] = [
        Compute("forward", encoder, texts.tokens, texts.squares, 0, _BATCH, sentence),
        Regressions(fits * pairs * columns),
        Small(1.0),
    ]
    probe, held = _probe(inputs, settings, pairs, min(response, settings.max_length), 3)
    parts += probe
    memory = reading_memory(encoder, settings) + held + pairs * _SENTENCES * 6 * encoder.hidden * 4
    return StageCost(name, "scorers", tuple(parts), precision, texts.tokens, 0, memory)


def evaluate_cost(name: str, inputs: Inputs, corpus: str, backbone: str) -> StageCost:
    """Encoders and probes read every response, once for all scorers over a model; metrics, resampling."""
    settings = inputs.settings
    sample = inputs.sample(corpus, "test", backbone, settings.generate.max_dialogues)
    responses = sample.scale * sum(len(one.answers) for one in sample.said)
    held, reading = 0.0, 0.0  # all scorers are there at once, and read one after the other
    parts: list[Part] = [Small(1.0 + responses * 0.01)]
    probed: set[str] = set()
    for section in (settings.level_classifier, settings.epitome):
        encoder = inputs.architecture(section.encoder)
        if encoder is None:
            return StageCost(name, "scorers", unknown=f"the shape of {section.encoder}")
        read = _reading(responses * 2, 40)
        parts.append(Compute("forward", encoder, read.tokens, read.squares, 0, _BATCH, 40))
        own = reading_memory(encoder, section)
        copies = section.folds if section is settings.level_classifier else 1  # all folds' models are read
        held, reading = held + copies * 4 * encoder.parameters, max(reading, own - 4 * encoder.parameters)
        if section.probe not in probed:
            probe, of_probe = _probe(inputs, section, responses, 40, 0)
            parts, held = [*parts, *probe], held + of_probe
        probed |= {section.probe} if section.probe_share else set()
    return StageCost(name, "scorers", tuple(parts), steps=responses, device=held + reading)


def register_cost(inputs: Inputs) -> StageCost:
    """Merging the model and uploading it to the registry."""
    backbone = inputs.settings.register_.backbone
    model = inputs.architecture(backbone)
    if model is None:
        return StageCost("register", "registry", unknown=f"the shape of {backbone}")
    size = 4.0 * model.parameters
    parts = (Small(8.0), Write(2 * size))
    return StageCost("register", "registry", parts, device=size, lasting=size, passing=_COPIES * size)


def backbone_cost(name: str, inputs: Inputs, backbone: str) -> StageCost:
    """Writing a backbone's folder: copying it, or converting it to float32."""
    row, model = inputs.settings.backbones[backbone], inputs.architecture(backbone)
    if row.source in {"endpoint", "random"} or model is None:
        return StageCost(name, "models")
    unpacked = row.source == "package" and row.role == "causal"
    size = model.parameters * (4.0 if row.source == "package" else 2.0)
    parts: tuple[Part, ...] = (Write(2 * size), *((Small(8.0),) if unpacked else ()))
    downloaded = size if row.source == "hub" else 0  # the hub's own cache
    held = 1.5 * size if unpacked else 0.0
    return StageCost(name, "models", parts, device=held, lasting=STORED * size + downloaded)


def _probe(
    inputs: Inputs, settings: Scorer, rows: float, length: int, labels: int
) -> tuple[list[Part], float]:
    """The parts of a probe (one forward pass over every row, regressions), and its bytes on the device."""
    model = inputs.architecture(settings.probe) if settings.probe_share else None
    if model is None:
        return [], 0.0
    read = _reading(rows, max(8, length))
    cells = rows * model.hidden * settings.folds if labels else 0
    parts: list[Part] = [Compute("forward", model, read.tokens, read.squares, 0, _BATCH, max(8, length))]
    return [*parts, Regressions(cells)], reading_memory(model, settings)


def _reading(rows: float, length: float) -> Sequences:
    return sequence(length, 0).times(rows)


def _shortened(model: Architecture, layers: int | None) -> Architecture:
    from dataclasses import replace

    return replace(model, layers=min(model.layers, layers or model.layers))
