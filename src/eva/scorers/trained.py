"""The trained scorers as `score` uses them: each loaded when it is first asked for."""

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
    from eva.scorers.scorer_folder import LabelSet, Trained

# What the outputs of a scorer of each kind mean, in order.
_EXPECTED = {f"epitome/{one}": list(DEGREE_LABELS) for one in MECHANISM_FILES}
_EXPECTED["level"] = list(LEVEL_LABELS)


@dataclass(frozen=True)
class Scorers:
    """A level classifier's folder, and a folder with one EPITOME scorer per mechanism."""

    level_dir: Path
    epitome_dir: Path
    precision: Precision = "auto"
    _loaded: dict[str, "tuple[Trained, LabelSet]"] = field(default_factory=dict, repr=False)

    @classmethod
    def below(cls, folder: Path) -> "Scorers":
        """The scorers of a folder that holds `level_classifier/` and `epitome/<mechanism>/`."""
        return cls(folder / "level_classifier", folder / "epitome")

    def problems(self, kinds: Iterable[str]) -> list[str]:
        """Why the folders cannot give labels of these kinds; reads `labels.json` only."""
        from eva.scorers.scorer_folder import problems

        return [text for kind in kinds for text in problems(self._folder(kind), kind, _EXPECTED[kind])]

    def labels(self, kind: str, rows: Sequence[Response]) -> list[int]:
        """Most probable label of each response.

        `level`: 0 to 4, in the response's history. `epitome/ip`, `/ex`, `/er`: degree 0 to 2, given the
        user's last message.
        """
        from eva.scorers.scorer_folder import load

        if kind not in self._loaded:
            self._loaded[kind] = load(self._folder(kind), kind, _EXPECTED[kind], self.precision)
        classifier, label_set = self._loaded[kind]
        said = [[message["content"] for message in row.history] for row in rows]
        texts = [
            text_of(context, row.response, label_set.context_turns)
            for context, row in zip(said, rows, strict=True)
        ]
        found: list[int] = classifier.predict(texts).argmax(axis=1).tolist()
        return found

    def reference(self) -> Reference:
        """V as the level classifier labelled it."""
        path = self.level_dir / "reference.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; EVAEval's V comes with the level classifier: train it")
        return Reference.read(path)

    def provenance(self) -> dict[str, Any]:
        """Digests of the scorers that are there, by kind."""
        folders = {kind: self._folder(kind) for kind in _EXPECTED}
        from eva.devices import decide

        digests = {kind: digest_path(one) for kind, one in folders.items() if one.is_dir()}
        return {"scorers": digests, "scorer_precision": decide(self.precision, "scorer precision").name}

    def _folder(self, kind: str) -> Path:
        return self.level_dir if kind == "level" else self.epitome_dir / kind.removeprefix("epitome/")
