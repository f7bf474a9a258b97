"""Whether a stored result may still be needed by the current settings, code and libraries."""

from collections.abc import Iterator, Mapping
from typing import Any

from eva.generation.local import computation
from eva.scorers import kept_parts
from eva.settings.params_file import Settings
from eva.settings.training_section import Training
from eva.training.dpo import TRAINER as DPO_TRAINER
from eva.training.run_store import known_inputs
from eva.training.sft import TRAINER as SFT_TRAINER
from eva.training.trl_extra import Stage, typed_extra

Inputs = Mapping[str, Any]

# What trains the scorers; importing it would import torch.
_SCORERS = {"level_classifier": "eva.scorers.levels", "epitome": "eva.scorers.epitome_scorer"}


class Current:
    """The trainings and generations that the settings of a checkout need; data and models are not compared.

    So a result for another corpus or backbone also counts as needed: rather too much is kept than too
    little.
    """

    def __init__(self, settings: Settings) -> None:
        seeds = settings.matrix.seeds
        self._seeds = {"training": seeds, "responses": [*seeds, settings.preferences.seed]}
        self._trainings = {
            "sft": _plain(known_inputs("sft", SFT_TRAINER, _typed("sft", settings.sft))),
            "dpo": _plain(known_inputs("dpo", DPO_TRAINER, _typed("dpo", settings.dpo))),
            **{
                stage: _plain(kept_parts.known_inputs(stage, trainer, getattr(settings, stage)))
                for stage, trainer in _SCORERS.items()
            },
        }
        self._generation = _plain({**computation(), "generate": settings.generate.model_dump(mode="json")})
        self.endpoints = {row.id for row in settings.backbones.values() if row.source == "endpoint"}

    def training_difference(self, inputs: Inputs) -> str | None:
        """How a training differs from the current ones, as text; None if it is one of them."""
        ours = self._trainings.get(str(inputs.get("stage")))
        if ours is None:
            return "there is no such stage"
        return self._difference(ours, _plain(inputs), "training")

    def generation_difference(self, inputs: Inputs) -> str | None:
        """How a generation differs from the current ones, as text; None if it is one of them."""
        return self._difference(self._generation, _plain(inputs), "responses")

    def _difference(self, ours: Inputs, theirs: Inputs, kind: str) -> str | None:
        found = list(_differences(ours, theirs))
        if "seed" not in ours and theirs.get("seed") not in self._seeds[kind]:
            found.append(f"seed {theirs.get('seed')} (now {', '.join(map(str, self._seeds[kind]))})")
        return "; ".join(found[:3]) or None


def _typed(stage: Stage, section: Training) -> Training:
    return section.model_copy(update={"extra": typed_extra(stage, section.extra)})


def _plain(inputs: Inputs) -> dict[str, Any]:
    """Nested values by dotted names, without the precision, because `auto` depends on the device."""
    flat: dict[str, Any] = {}
    for name, value in inputs.items():
        if isinstance(value, Mapping) and value and name in ("settings", "generate", "libraries"):
            flat |= {f"{name}.{key}": inner for key, inner in value.items() if key != "precision"}
        elif name != "precision":
            flat[name] = value
    return flat


def _differences(ours: Inputs, theirs: Inputs) -> Iterator[str]:
    for name, value in ours.items():
        if name not in theirs:
            yield f"written without `{name}`, by an earlier version"
        elif name == "code" and theirs[name] != value:
            yield "made by other code"
        elif theirs[name] != value:
            yield f"{name.rpartition('.')[2]} {theirs[name]} (now {value})"
