"""Sets of changed settings as typed parameters: Prefect draws their form and refuses what EVA refuses."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from eva.settings.dpo_section import Dpo
from eva.settings.epitome_section import Epitome
from eva.settings.evaluate_section import Evaluate
from eva.settings.generate_section import Generate
from eva.settings.level_classifier_section import LevelClassifier
from eva.settings.matrix_section import Matrix
from eva.settings.preferences_section import Preferences
from eva.settings.section import Section
from eva.settings.sft_section import Sft

SECTIONS: dict[str, type[Section]] = {
    "matrix": Matrix,
    "preferences": Preferences,
    "sft": Sft,
    "dpo": Dpo,
    "level_classifier": LevelClassifier,
    "epitome": Epitome,
    "generate": Generate,
    "evaluate": Evaluate,
}


def _optional(section: type[Section]) -> type[BaseModel]:
    """The section with every key optional: what is not given keeps its value in `params.yaml`."""
    fields: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        fields[name] = (kind | None, Field(None, title=name, description=field.description))
    forbid = ConfigDict(extra="forbid", allow_inf_nan=False)
    return create_model(f"{section.__name__}Changes", __config__=forbid, **fields)


class NamedChanges(BaseModel):
    """Changes of settings against `params.yaml`, which make one experiment."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(
        None,
        max_length=60,
        pattern="^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$",  # what git takes in the name of a reference
        description="Name of the experiment; empty: made of the changes.",
    )


_FIELDS: dict[str, Any] = {
    name: (_optional(section) | None, Field(None, title=name, description=f"Changes in section `{name}`."))
    for name, section in SECTIONS.items()
}
ParameterSet = create_model("ParameterSet", __base__=NamedChanges, **_FIELDS)


def changes(chosen: NamedChanges) -> dict[str, Any]:
    """What a set changes, as {"dpo.beta": 0.3}."""
    given = chosen.model_dump(mode="json", exclude_none=True, exclude={"name"})
    return {f"{section}.{key}": value for section, keys in given.items() for key, value in keys.items()}


def label(changed: Mapping[str, Any]) -> str:
    """What a person reads: `dpo.beta=0.3 sft.lr=1e-05`."""
    return " ".join(f"{name}={value}" for name, value in changed.items()) or "unchanged"


def experiment_name(chosen: NamedChanges) -> str:
    """The name given, or one made of the changes, that git takes as the name of a reference."""
    return chosen.name or re.sub(r"[^A-Za-z0-9._]+", "-", label(changes(chosen)))[:100].strip("-.")


def grid(section: str, axes: Mapping[str, Sequence[Any]]) -> list[NamedChanges]:
    """One set for every combination of values of keys of one section."""
    combined = itertools.product(*axes.values())
    return [ParameterSet(**{section: dict(zip(axes, values, strict=True))}) for values in combined]
