"""The base class and the field types of all sections of `params.yaml`."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

T = TypeVar("T")
NAME_PATTERN = "^[a-z0-9][a-z0-9_]*$"


class Section(BaseModel):
    """Base class of all sections: frozen; unknown keys and values of another type are refused.

    `true` is not a number, `1` is not a boolean, `"1"` is text, and infinity and NaN are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def section_name(field: str) -> str:
    """The section of a field: `validate_` and `register_` have a `_` because pydantic uses these words."""
    return field.rstrip("_")


def _distinct(entries: list[T]) -> list[T]:
    double = sorted({str(entry) for entry in entries if entries.count(entry) > 1})
    if double:
        raise ValueError(f"{', '.join(double)} is listed more than once; keep one")
    return entries


def _writable(path: Path) -> Path:
    text = str(path)
    if not text.isprintable() or "'" in text:
        raise ValueError(
            "a path with a quotation mark or a line break cannot be used in a shell command; rename it"
        )
    return path


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Distinct = AfterValidator(_distinct)  # for lists: refuses an entry that is there twice
Place = Annotated[Path, Strict(False), AfterValidator(_writable)]  # relative to the project, or absolute
