"""The cost of the stages `crisis_detector` and `safety`."""

from pathlib import Path

from eva.fit.inputs import Inputs
from eva.fit.memory_needs import mapped_bytes, scoring_memory
from eva.fit.stage_cost import Formats, StageCost
from eva.fit.text_sizes import sequence
from eva.fit.work import Compute, Small
from eva.models.prompts import system_prompt
from eva.safety.labelled_messages import read_labelled
from eva.safety.paired_replies import FRAMINGS, first_of_each, read_items

_BATCH = 64
_MESSAGE = 16  # mean tokens of a labelled message
_TALK = (160 * 23, 35)  # texts of seekers in ordinary dialogues, and their mean tokens, as in ESConv
_TEMPLATE = 12  # tokens of the chat template around system prompt, message and reply
_PASS = 1024  # tokens of a forward pass over several messages


def crisis_detector_cost(inputs: Inputs, root: Path) -> StageCost:
    """A forward pass of the encoder over labelled messages and ordinary dialogues, and six regressions."""
    name, settings = "crisis_detector", inputs.settings.safety
    encoder = inputs.architecture(settings.encoder)
    if encoder is None:
        return StageCost(name, "scorers", unknown=f"the shape of {settings.encoder}")
    read = sequence(_MESSAGE, 0).times(len(read_labelled(root / settings.messages)))
    read += sequence(_TALK[1], 0).times(_TALK[0])
    parts = (Compute("forward", encoder, read.tokens, read.squares, 0, _BATCH, _MESSAGE), Small(1.5))
    return StageCost(name, "scorers", parts, "fp32", read.tokens, 0, 4.0 * encoder.parameters)


def safety_cost(name: str, inputs: Inputs, backbone: str, formats: Formats, root: Path) -> StageCost:
    """One forward pass over every message, with its two replies as branches."""
    settings, model = inputs.settings.safety, inputs.architecture(backbone)
    if model is None:
        return StageCost(name, "models", unknown=f"the shape of {backbone}")
    precision, count = formats(settings.precision, "safety"), inputs.counter(backbone)
    items = first_of_each(read_items(root / settings.replies), settings.max_items)
    system = count(system_prompt("eva")) + _TEMPLATE
    asked = sum(system + count(item.message(framing)) for item in items for framing in FRAMINGS)
    replied = sum(count(item.bad) + count(item.good) for item in items) * len(FRAMINGS)
    tokens = float(asked + replied)
    work = Compute("forward", model, tokens, tokens * _PASS, replied, 1, _PASS)
    return StageCost(
        name, "models", (work, Small(1.0)), precision, tokens=tokens,
        device=scoring_memory(model, precision, _PASS), mapped=mapped_bytes(model, precision),
    )  # fmt: skip
