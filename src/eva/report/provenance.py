"""The provenance of the scores: values common to all items, and values that differ between items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eva.report.inputs import Scored

# Names in the score files -> clearer names for the page.
_SPELT_OUT = {"bootstrap_seed": "seed of the resampling", "n_rows": "responses", "n_dialogues": "dialogues"}


@dataclass(frozen=True)
class Provenance:
    """Provenance as text: values common to all items (`shared`), and those that differ, by item."""

    shared: dict[str, str]
    columns: tuple[str, ...]
    items: tuple[tuple[str, tuple[str, ...]], ...]


def provenance(scored: Sequence[Scored]) -> Provenance:
    """The provenance of all scores; values that are the same for all items appear once."""
    flat = {"/".join(str(part) for part in s.item): _flatten(s.scores.provenance) for s in scored if s.scores}
    keys = list(dict.fromkeys(key for row in flat.values() for key in row))
    values = {key: {row.get(key, "–") for row in flat.values()} for key in keys}
    shared = {key: next(iter(found)) for key, found in values.items() if len(found) == 1}
    own = tuple(key for key in keys if key not in shared and key not in {"corpus", "backbone", "variant"})
    return Provenance(
        shared, own, tuple((name, tuple(row.get(key, "–") for key in own)) for name, row in flat.items())
    )


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            flat |= _flatten(inner, f"{prefix}{key}.")
        else:
            name = f"{prefix}{key}"
            flat[_SPELT_OUT.get(name, name)] = str(inner)
    return flat
