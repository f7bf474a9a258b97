"""The cost of SFT, DPO and generation."""

from eva.fit.architecture import Architecture
from eva.fit.inputs import Inputs, Sample
from eva.fit.memory_needs import (
    Sharding,
    dpo_memory,
    generate_memory,
    mapped_bytes,
    sft_memory,
)
from eva.fit.pair_sizes import Pairs, as_trees, fullest, one_by_one
from eva.fit.stage_cost import STORED, Formats, StageCost
from eva.fit.text_sizes import Sequences, sequence
from eva.fit.work import Compute, Decode, Kind, Part, Small, Update, Write
from eva.settings.dpo_section import Dpo
from eva.settings.generate_section import Generate
from eva.settings.training_section import Training
from eva.settings.variants_section import Variant
from eva.training.arguments import total_steps
from eva.training.footprint import checkpoint_bytes, most_bytes

_PADDED = 1.02  # tokens with padding per token; rows of similar length share a batch
_FLOAT = 4
_REFERENCE = 64  # pairs of which the reference reads the trees together
_UNTRAINED = 160  # tokens after which an untrained model has mostly ended, if the settings let it
_LONGEST = 2.0  # the longest of the responses that are decoded together, over their mean
_MESSAGE = 30  # tokens of a message that the encoder of pairs reads
_GATE = 3.0  # seconds of Great Expectations
_LAST = 0.5  # share of the longest response's steps in which nothing is left to begin


def sft_cost(name: str, inputs: Inputs, item: tuple[str, str], formats: Formats, over: Sharding) -> StageCost:
    """Full-parameter fine-tuning of a backbone on a corpus, and the loss on valid before and after."""
    corpus, backbone = item
    settings, model = inputs.settings.sft, inputs.architecture(backbone)
    if model is None:
        return StageCost(name, "training", unknown=f"the shape of {backbone}")
    precision = formats(settings.precision, "sft")
    train = inputs.sample(corpus, "train", backbone, settings.max_train).windows(settings.max_length)
    valid = inputs.sample(corpus, "valid", backbone, settings.max_valid).windows(settings.max_length)
    steps = total_steps(settings, round(train.n))
    learnt = train.times(settings.epochs * _PADDED)
    passes = _compute("train", model, learnt, settings.batch_size)
    read = _compute("forward", model, valid.times(2 * _PADDED), settings.batch_size)
    parts: list[Part] = [
        passes,
        read,
        Update(model.parameters, steps),
        *_saves(model.parameters, settings, steps),
    ]
    if settings.gradient_checkpointing:
        parts.append(_compute("forward", model, learnt, settings.batch_size))
    held = sft_memory(model, settings, precision, round(train.longest), train.scored / max(1, train.n), over)
    return StageCost(
        name, "training", tuple(parts), precision,
        tokens=learnt.tokens, steps=steps, device=held, processes=settings.processes,
        lasting=STORED * _FLOAT * model.parameters, passing=most_bytes(model.parameters, settings),
    )  # fmt: skip


def reused_sft_cost(name: str, inputs: Inputs, backbone: str) -> StageCost:
    """A training run shared with another variant: its weights are checked and checked out once more."""
    model = inputs.architecture(backbone)
    if model is None:
        return StageCost(name, "training", unknown=f"the shape of {backbone}")
    size = _FLOAT * model.parameters
    return StageCost(name, "training", (Write(2 * size),), lasting=size)


def dpo_cost(name: str, inputs: Inputs, backbone: str, formats: Formats) -> StageCost:
    """LoRA DPO on the pairs of a backbone, and the log-probabilities of the reference."""
    settings, model = inputs.settings.dpo, inputs.architecture(backbone)
    if model is None:
        return StageCost(name, "training", unknown=f"the shape of {backbone}")
    precision, pairs = formats(settings.precision, "dpo"), inputs.pairs(backbone)
    steps = total_steps(settings, len(pairs.train))
    once, read = _alignment(settings, pairs)
    learnt = once.times(settings.epochs)
    parts = [
        _compute("adapt", model, learnt, _rows(settings)),
        _compute("forward", model, read, _rows(settings)),
    ]
    if settings.gradient_checkpointing:
        parts.append(_compute("forward", model, learnt, _rows(settings)))
    targets = inputs.settings.backbones[backbone].lora_targets
    adapter = model.adapter(settings.r, targets)
    at_once, scored = _largest_step(settings, pairs, once)
    return StageCost(
        name, "training", tuple(parts), precision,
        tokens=learnt.tokens, steps=steps, processes=settings.processes,
        device=dpo_memory(model, settings, precision, at_once, scored, targets),
        mapped=mapped_bytes(model, precision),
        lasting=STORED * _FLOAT * adapter, passing=most_bytes(adapter, settings),
    )  # fmt: skip


def _alignment(settings: Dpo, pairs: Pairs) -> tuple[Sequences, Sequences]:
    """The sequences trained on in an epoch, and those of forward passes only (reference and held-out)."""
    if settings.trainer == "trl":
        learnt, held_out = one_by_one(pairs.train).times(_PADDED), one_by_one(pairs.valid).times(_PADDED)
        return learnt, learnt.times(settings.epochs) + held_out.times(4)
    learnt, held_out, reference = (
        as_trees(rows, size, settings.tree_tokens)
        for rows, size in (
            (pairs.train, settings.batch_size),
            (pairs.valid, settings.batch_size),
            ([*pairs.train, *pairs.valid], _REFERENCE),
        )
    )
    return learnt, reference + held_out.times(2)


def _largest_step(settings: Dpo, pairs: Pairs, once: Sequences) -> tuple[float, float]:
    """Tokens of the largest batch, and those of them with a loss."""
    if settings.trainer == "tree":
        return fullest(pairs.train, settings.batch_size, settings.tree_tokens)
    return once.longest * _rows(settings), once.scored / max(1, once.n) * _rows(settings)


def _rows(settings: Dpo) -> int:
    """Sequences of a step that are in memory at the same time; a tree counts as one."""
    return 2 * settings.batch_size if settings.trainer == "trl" else 1


def generate_cost(
    name: str, inputs: Inputs, item: tuple[str, str], variant: Variant, formats: Formats
) -> StageCost:
    """One response to every supporter turn of the test dialogues."""
    corpus, backbone = item
    settings, model = inputs.settings.generate, inputs.architecture(backbone)
    if model is None:
        return StageCost(name, "models", unknown=f"the shape of {backbone}")
    precision = formats(settings.precision, "generate")
    sample = inputs.sample(corpus, "test", backbone, settings.max_dialogues, variant.prompt)
    groups = [
        (one.read, one.answers, sample.scale) for one in sample.prompts(settings.max_length) if one.answers
    ]
    new = _new_tokens(settings, variant, sample)
    parts, tokens = _answers(model, groups, settings, new)
    context = max((one[0].length for one in groups), default=1)
    return StageCost(
        name, "models", tuple(parts), precision, tokens=tokens, steps=sum(one[1] * one[2] for one in groups),
        device=generate_memory(
            model, settings, precision, context, new, _read_at_once(groups, settings)
        ),
        mapped=mapped_bytes(model, precision),
    )  # fmt: skip


def preferences_cost(name: str, inputs: Inputs, backbone: str, formats: Formats) -> StageCost:
    """Building and measuring pairs, and if the recipe needs them, generating responses of the backbone."""
    pairs = inputs.pairs(backbone)
    asked, (measured, held) = pairs.asked, _measuring(inputs, pairs)
    if not asked:
        return StageCost(name, "models", measured, device=held)
    settings, model = inputs.settings.generate, inputs.architecture(backbone)
    if model is None:
        return StageCost(name, "models", unknown=f"the shape of {backbone}")
    precision = formats(settings.precision, "generate")
    groups = [(sequence(length, answers), answers, 1.0) for length, answers in asked]
    new = min(settings.max_new_tokens, _UNTRAINED)
    parts, tokens = _answers(model, groups, settings, new)
    longest = max(length for length, _ in asked)
    return StageCost(
        name, "models", (*parts, *measured), precision, tokens=tokens,
        steps=sum(one[1] for one in groups),
        device=held
        + generate_memory(model, settings, precision, longest, new, _read_at_once(groups, settings)),
        mapped=mapped_bytes(model, precision),
    )  # fmt: skip


def _measuring(inputs: Inputs, pairs: Pairs) -> tuple[tuple[Part, ...], float]:
    """The encoder reads the messages of every history and both responses; then the gate, with its bytes."""
    encoder = inputs.architecture(inputs.settings.preferences.encoder)
    if encoder is None:
        return (Small(_GATE),), 0.0
    tokens = sum(one.prompt + sum(one.answers) for one in (*pairs.train, *pairs.valid))
    read = sequence(_MESSAGE, 0).times(tokens / _MESSAGE)
    return (Compute("forward", encoder, read.tokens, read.squares, 0, 64, _MESSAGE), Small(_GATE)), (
        4.0 * encoder.parameters
    )


def _new_tokens(settings: Generate, variant: Variant, sample: Sample) -> int:
    """The steps until the longest response of a group has ended."""
    if variant.prompt == "cot":
        return min(settings.cot_max_new_tokens, 2 * _UNTRAINED)
    if not variant.acquire:
        return min(settings.max_new_tokens, _UNTRAINED)
    turns = [tokens for said in sample.said for supporter, tokens in said.turns if supporter]
    return min(settings.max_new_tokens, round(_LONGEST * sum(turns) / max(1, len(turns))))


def _answers(
    model: Architecture, groups: list[tuple[Sequences, int, float]], settings: Generate, new: int
) -> tuple[list[Part], float]:
    """One forward pass over the prompts of every group, then decoding; returns the parts and all tokens.

    The next response starts when one ends, so all rows of a step are used until no response is left to
    start.
    """
    read = Sequences()
    for prompt, _, times in groups:
        read += prompt.times(times)
    answers = sum(number * times for _, number, times in groups)
    if not answers:
        return [_compute("forward", model, read, 1)], read.tokens
    written = answers * new / _LONGEST
    steps = max(float(new), written / settings.batch_size + _LAST * new)
    context = sum(prompt.length * number * times for prompt, number, times in groups) / answers
    decode = Decode(model, steps, written / steps, round(context))
    return [_compute("forward", model, read, 1), decode], read.tokens + written


def _read_at_once(groups: list[tuple[Sequences, int, float]], settings: Generate) -> int:
    """The number of dialogues whose responses are decoded at the same time."""
    mean = sum(number for _, number, _ in groups) / len(groups) if groups else 1.0
    return min(len(groups), round(settings.batch_size / mean) + 1)


def _compute(kind: Kind, model: Architecture, what: Sequences, rows: int) -> Compute:
    return Compute(kind, model, what.tokens, what.squares, what.scored, rows, what.length)


def _saves(parameters: int, settings: Training, steps: int) -> list[Part]:
    times = -(-steps // settings.save_steps)
    return [Write(parameters * (times * checkpoint_bytes(settings) + 2 * _FLOAT))]
