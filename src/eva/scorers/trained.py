"""The trained scorers for `score`; each is loaded when it is first used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eva.artifacts import digest_path
from eva.data.epitome import MECHANISM_FILES
from eva.data.responses import Response
from eva.errors import InputError
from eva.scorers.epitome_scorer import DEGREE_LABELS
from eva.scorers.level_examples import text_of
from eva.scorers.level_scorecard import LEVEL_LABELS
from eva.scorers.reference import Reference
from eva.settings.precision import Precision

if TYPE_CHECKING:
    from eva.scorers.labeller import Labeller
    from eva.scorers.reading import Readings
    from eva.scorers.scorer_folder import LabelSet

# The labels of each kind of scorer, in the order of its outputs.
_EXPECTED = {f"epitome/{one}": list(DEGREE_LABELS) for one in MECHANISM_FILES}
_EXPECTED["level"] = list(LEVEL_LABELS)


@dataclass(frozen=True)
class Scorers:
    """The folder of a level classifier, and a folder with one EPITOME scorer per mechanism."""

    level_dir: Path
    epitome_dir: Path
    precision: Precision = "auto"
    _loaded: dict[str, "tuple[Labeller, LabelSet]"] = field(default_factory=dict, repr=False)
    _readings: "list[Readings]" = field(default_factory=list, repr=False)  # at most one

    @classmethod
    def below(cls, folder: Path) -> "Scorers":
        """The scorers of a folder that holds `level_classifier/` and `epitome/<mechanism>/`."""
        return cls(folder / "level_classifier", folder / "epitome")

    def problems(self, kinds: Iterable[str]) -> list[str]:
        """Reasons why the folders cannot give labels of these kinds; reads only `labels.json`."""
        from eva.scorers.scorer_folder import problems

        return [text for kind in kinds for text in problems(self._folder(kind), kind, _EXPECTED[kind])]

    def labels(self, kind: str, rows: Sequence[Response]) -> list[int]:
        """The most probable label of each response.

        `level`: 0 to 4, given the dialogue history. `epitome/ip`, `/ex`, `/er`: degree 0 to 2, given the
        user's last message.
        """
        labeller, label_set = self._load(kind)
        said = [[message["content"] for message in row.history] for row in rows]
        texts = [
            text_of(context, row.response, label_set.context_turns)
            for context, row in zip(said, rows, strict=True)
        ]
        found: list[int] = labeller.predict(texts, [row.dialogue_id for row in rows]).argmax(axis=1).tolist()
        return found

    def _load(self, kind: str) -> "tuple[Labeller, LabelSet]":
        from eva.scorers.reading import Readings
        from eva.scorers.scorer_folder import load

        if not self._readings:
            self._readings.append(Readings())
        if kind not in self._loaded:
            (shared,) = self._readings
            self._loaded[kind] = load(self._folder(kind), kind, _EXPECTED[kind], self.precision, shared)
        return self._loaded[kind]

    def reference(self) -> Reference:
        """The reference histogram V, stored with the level classifier."""
        path = self.level_dir / "reference.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; it is written when the level classifier is trained")
        return Reference.read(path)

    def provenance(self) -> dict[str, Any]:
        """Digests of the available scorers, by kind, and their number format."""
        folders = {kind: self._folder(kind) for kind in _EXPECTED}
        from eva.devices import decide

        digests = {kind: digest_path(one) for kind, one in folders.items() if one.is_dir()}
        return {"scorers": digests, "scorer_precision": decide(self.precision, "scorer precision").name}

    def _folder(self, kind: str) -> Path:
        return self.level_dir if kind == "level" else self.epitome_dir / kind.removeprefix("epitome/")
