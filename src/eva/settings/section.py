"""What every section of `params.yaml` is made of."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

T = TypeVar("T")
NAME_PATTERN = "^[a-z0-9][a-z0-9_]*$"


class Section(BaseModel):
    """Base of all sections: frozen; an unknown key is an error, and a value is never taken for another kind.

    `true` is no number, `1` is no truth value, `"1"` is text, and infinity is nothing to train with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def section_name(field: str) -> str:
    """The section of a field: `validate_` and `register_` end so since pydantic keeps the plain words."""
    return field.rstrip("_")


def _distinct(entries: list[T]) -> list[T]:
    double = sorted({str(entry) for entry in entries if entries.count(entry) > 1})
    if double:
        raise ValueError(f"{', '.join(double)} stands there more than once; leave one")
    return entries


def _writable(path: Path) -> Path:
    text = str(path)
    if not text.isprintable() or "'" in text:
        raise ValueError(
            "a path with a quotation mark or a line break cannot be written into a command; rename it"
        )
    return path


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Distinct = AfterValidator(_distinct)  # of a list: every entry once
Place = Annotated[Path, Strict(False), AfterValidator(_writable)]  # relative to the project, or absolute
