"""V, the reference histogram of EVAEval: counts of levels by quartile, stored per dialogue.

Every form of V and the sampling error of V are computed from these counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eva.artifacts import read_json, write_json
from eva.data.dialogue import LEVELS, NO_LEVEL, quartile
from eva.errors import InputError, raise_if
from eva.statistics.estimators import Array

QUARTILES = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class LevelledTurn:
    """A supporter turn with its level (1 to 4, 0 for none); `turn` of `n_turns` counts from 1."""

    dialogue_id: str
    turn: int
    n_turns: int
    level: int


@dataclass(frozen=True)
class Reference:
    """Counts of level l in quartile q in each dialogue (`dialogues`: dialogues x 4 x 4).

    `n_none` turns have no level; EVAEval leaves them out. `provenance` names the labelled turns and the
    labeller, which must be the same for T.
    """

    dialogues: NDArray[np.int64]
    n_none: int = 0
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def totals(self) -> Array:
        """`profile` summed over the dialogues (33,)."""
        summed: Array = profile(self.dialogues).sum(axis=0)
        return summed

    def to_dict(self) -> dict[str, Any]:
        totals = self.totals[None]
        return {
            "levels": by_level(within_level(totals)[0]),
            "counts": by_level(self.dialogues.sum(axis=0)),
            "joint": joint(totals)[0].tolist(),
            "per_dialogue": by_level(averaged(totals)[0]),
            "n_dialogues": len(self.dialogues),
            "n_none": self.n_none,
            "dialogues": self.dialogues.tolist(),
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], where: str = "reference") -> "Reference":
        """The inverse of `to_dict`; `InputError` if something is missing or inconsistent."""
        raise_if((f"`{key}` is missing" for key in ("dialogues", "counts") if key not in raw), where)
        try:
            dialogues = np.array(raw["dialogues"], dtype=np.int64).reshape(-1, 4, 4)
        except (ValueError, TypeError) as error:
            raise InputError(f"{where}: `dialogues` is not a list of 4 x 4 counts ({error})") from None
        if (dialogues < 0).any() or by_level(dialogues.sum(axis=0)) != raw["counts"]:
            raise InputError(
                f"{where}: `counts` is not the sum of `dialogues`; the file was edited: create it again"
            )
        return cls(dialogues, int(raw.get("n_none", 0)), dict(raw.get("provenance", {})))

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> "Reference":
        """Read a file written by `write`."""
        return cls.from_dict(read_json(path), str(path))


def reference_from_levels(
    turns: Iterable[LevelledTurn], provenance: Mapping[str, Any] | None = None
) -> Reference:
    """V from turns with levels: the chosen responses of EVAD, or human turns labelled by a scorer."""
    listed = list(turns)
    if not listed:
        raise InputError("reference: no levelled turns, so there is no histogram; give at least one")
    names = {name: i for i, name in enumerate(sorted({turn.dialogue_id for turn in listed}))}
    levels = np.array([turn.level for turn in listed])
    quartiles = np.array([quartile(turn.turn, turn.n_turns) for turn in listed])
    owners = np.array([names[turn.dialogue_id] for turn in listed])
    counts = count_levels(levels, quartiles, owners, len(names))
    return Reference(counts, int((levels == NO_LEVEL).sum()), dict(provenance or {}))


def count_levels(
    levels: NDArray[np.int64], quartiles: NDArray[np.int64], owners: NDArray[np.int64], n_dialogues: int
) -> NDArray[np.int64]:
    """Counts (dialogues x 4 levels x 4 quartiles) of labelled turns; turns without a level are left out."""
    counts = np.zeros((n_dialogues, 4, 4), dtype=np.int64)
    kept = levels != NO_LEVEL
    np.add.at(counts, (owners[kept], levels[kept] - 1, quartiles[kept] - 1), 1)
    return counts


def profile(counts: NDArray[np.int64]) -> Array:
    """The additive per-dialogue quantities that every form of EVAEval needs (dialogues x 33).

    16 counts, 16 shares of each level's turns over the quartiles within the dialogue (zeros if the level
    is absent), and 1.
    """
    flat = counts.reshape(-1, 16).astype(np.float64)
    shares = _normalised(counts.astype(np.float64), axes=(-1,)).reshape(-1, 16)
    return np.concatenate([flat, shares, np.ones((len(flat), 1))], axis=1)


def within_level(totals: Array) -> Array:
    """Shares of each level over the quartiles (m x 33 -> m x 4 x 4), 0 for an absent level."""
    return _normalised(totals[:, :16].reshape(-1, 4, 4), axes=(-1,))


def joint(totals: Array) -> Array:
    """Shares of all sixteen cells (m x 33 -> m x 4 x 4), 0 if no turn has a level."""
    return _normalised(totals[:, :16].reshape(-1, 4, 4), axes=(-2, -1))


def averaged(totals: Array) -> Array:
    """Per-dialogue shares averaged over dialogues (m x 33 -> m x 4 x 4)."""
    mean = totals[:, 16:32] / np.maximum(totals[:, 32:], 1)
    return np.asarray(mean.reshape(-1, 4, 4), dtype=np.float64)


def by_level(matrix: NDArray[Any]) -> dict[str, list[Any]]:
    """A 4 x 4 matrix for JSON: level number -> list over quartiles."""
    return {str(level): matrix[level - 1].tolist() for level in LEVELS}


def _normalised(counts: Array, axes: tuple[int, ...]) -> Array:
    total = np.broadcast_to(counts.sum(axis=axes, keepdims=True), counts.shape)
    shares: Array = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    return shares
