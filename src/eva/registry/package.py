"""The package of a model: what the stage `register` writes and `eva registry push` puts into a registry.

`registry/` holds `package.json` (which files the model and its guard are made of, by digest, and how it is
served), `decision.json` (of the gate), `scores/` (sums by dialogue) and `README.md` (the model card). It
holds no weights: they are outs of other stages, and are merged when they are pushed. Nothing here is done
to a registry, so that DVC may run, restore and queue the stage as it likes (ADR 39).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from eva import artifacts
from eva.artifacts import fingerprint, new_folder, read_json, write_json, write_text
from eva.errors import InputError, raise_if
from eva.registry.gate_decision import Decision
from eva.registry.promotion import PromotionPolicy
from eva.registry.standing import Standing, copy_scores, stored_scores
from eva.settings.generate_section import Generate
from eva.settings.register_section import Form
from eva.settings.safety_section import DetectorName

PACKAGE, DECISION, CARD = "package.json", "decision.json", "README.md"
# How a model is read and answers; the other settings of generation are those of the machine.
_DECODING = (
    "max_new_tokens", "cot_max_new_tokens", "temperature", "top_p", "repetition_penalty", "max_length",
)  # fmt: skip
# Files beside the weights that say how they were made, or in words what they are.
_ABOUT = {"start.json", "policy.json", "backbone.json", "manifest.json", "README.md"}


@dataclass(frozen=True)
class Weights:
    """A folder of weights, relative to the repository, and the digest of its files."""

    path: str
    digest: str

    @classmethod
    def of(cls, path: str, root: Path) -> Self:
        return cls(path, weights_digest(root / path))


@dataclass(frozen=True)
class Guard:
    """What stands before the model where MLflow serves it, see `eva.registry.served_guard`.

    Attributes:
        detector: name of the detector of danger.
        referral: the text that is said instead of a reply.
        probe: the folder of the trained detector, None if the rules decide alone.
        encoder: the folder of the encoder that the probe was fitted on.
    """

    detector: DetectorName
    referral: str
    probe: Weights | None
    encoder: Weights | None

    @classmethod
    def of(cls, detector: DetectorName, referral: str, probe: Path, encoder: Path, root: Path) -> Self:
        """The guard with `detector`; both folders are relative to the repository `root`."""
        if detector == "rules":
            return cls(detector, referral, None, None)
        return cls(detector, referral, Weights.of(str(probe), root), Weights.of(str(encoder), root))

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        weights = {name: Weights(**raw[name]) if raw[name] else None for name in ("probe", "encoder")}
        return cls(raw["detector"], raw["referral"], **weights)


@dataclass(frozen=True)
class Package:
    """A model to register.

    Attributes:
        name: of the registered model.
        axes: the item that it is: corpus, backbone, seed, variant.
        model: the full model.
        adapter: the LoRA adapter on it, or None.
        prompt: name of the prompt.
        generate: the settings that its responses were generated with.
        metrics: measured values, `<stage>/<name>`.
        policy: the policy of promotion that judged it.
        guard: what stands before it; None in packages that an earlier version of EVA has registered.
        form: `merged`: its full weights are registered; `adapter`: the adapter, and the digest of its base.
    """

    name: str
    axes: dict[str, str]
    model: Weights
    adapter: Weights | None
    prompt: str
    generate: dict[str, Any]
    metrics: dict[str, float]
    policy: dict[str, Any]
    guard: Guard | None
    form: Form = "merged"

    @property
    def identity(self) -> str:
        """Fingerprint of what is registered: weights, prompt, decoding, guard. Equal ones are one version."""
        decoding = {name: self.generate[name] for name in _DECODING}
        parts = [self.model.digest, self.adapter.digest if self.adapter else None, self.prompt, decoding]
        form = [self.form] if self.form == "adapter" else []
        return fingerprint([*parts, asdict(self.guard) if self.guard else None, *form])

    @property
    def decoding(self) -> Generate:
        return Generate.model_validate(self.generate)

    def standing(self, folder: Path) -> Standing:
        """What was measured of it; `folder` is that of the package."""
        return Standing(f"{self.name} of this workspace", self.metrics, stored_scores(folder))

    @property
    def promotion(self) -> PromotionPolicy:
        return PromotionPolicy.model_validate(self.policy)

    def write(self, folder: Path, decision: Decision, card: str, scores: Mapping[int, Path]) -> None:
        """Write the folder of the package, with what a comparison needs of the score files of each seed."""
        with new_folder(folder) as made:
            copy_scores(scores, made)
            write_json(made / PACKAGE, asdict(self))
            write_json(made / DECISION, decision.to_dict())
            write_text(made / CARD, card)

    def require_files(self, root: Path) -> None:
        """Raise `InputError` unless the files on disk are those that the package names."""
        if self.guard is None:
            raise InputError(f"the package of {self.name} has no guard; `dvc repro register` writes it again")
        raise_if(self._changed(root, self.guard), f"the model {self.name}")

    def _changed(self, root: Path, guard: Guard) -> Iterator[str]:
        for weights in filter(None, (self.model, self.adapter, guard.probe, guard.encoder)):
            if not (root / weights.path).is_dir():
                yield f"{weights.path} is missing; `dvc pull` brings it, `dvc repro` makes it"
            elif weights_digest(root / weights.path) != weights.digest:
                yield (
                    f"{weights.path} was changed after the stage `register` had read it; "
                    f"`dvc checkout {weights.path}` restores it, `dvc repro register` decides anew"
                )


def read_package(folder: Path) -> Package:
    """The package in `folder`; `InputError` if the stage `register` has not written one."""
    path = folder / PACKAGE
    if not path.is_file():
        raise InputError(f"{path}: no such file; `dvc repro register` writes it, `dvc pull` brings it")
    raw = read_json(path)
    if not isinstance(raw, Mapping) or {*raw, "guard", "form"} != {field.name for field in fields(Package)}:
        raise InputError(f"{path}: not a package of this version; `dvc repro -f -s register` writes it again")
    adapter = Weights(**raw["adapter"]) if raw["adapter"] else None
    guard = Guard.from_dict(raw["guard"]) if raw.get("guard") else None
    return Package(**{**raw, "model": Weights(**raw["model"]), "adapter": adapter, "guard": guard})


def read_decision(folder: Path) -> Decision:
    """The decision that the stage `register` wrote."""
    return Decision.from_dict(read_json(folder / DECISION))


def weights_digest(folder: Path) -> str:
    """Digest of the files of a model or adapter that decide what it answers."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; `dvc repro` makes it, `dvc pull` brings it")
    names = sorted(path for path in folder.iterdir() if path.is_file() and path.name not in _ABOUT)
    return fingerprint([(path.name, artifacts.digest_file(path)) for path in names])
