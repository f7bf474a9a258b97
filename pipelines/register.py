"""Stage `register`: decide whether a model may be used, and write what is to be registered.

Nothing is done to a registry here: `eva registry push` does that, for the workspace and on request.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from eva.models.loading import Policy
from eva.models.packages import weights_note
from eva.plugins import load_plugins
from eva.registry.certainty import certainties
from eva.registry.judgement import Results, decide
from eva.registry.licences import backbone_licence, corpus_licence
from eva.registry.model_card import model_card
from eva.registry.package import Guard, Package, Weights
from eva.registry.promotion import read_policy
from eva.safety.notices import REFERRAL
from eva.settings.backbones_section import Backbone
from eva.settings.chat_section import Chat
from eva.settings.corpora_section import Corpus
from eva.settings.generate_section import Generate
from eva.settings.matrix_section import Matrix
from eva.settings.register_section import Register
from eva.settings.safety_section import Safety

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    register: Register,
    generate: Generate,
    backbones: Mapping[str, Backbone],
    corpora: Mapping[str, Corpus],
    matrix: Matrix,
    safety: Safety,
    chat: Chat,
    *,
    policy: Path,
    scores: Path,
    measured: Path,
    capability: Path,
    safety_scores: Path,
    prepared: Path,
    preferences: Path,
    detector: Path,
    encoder: Path,
    estimators: Path,
    gates: Path,
    out: Path,
) -> None:
    """Write the package of one variant: weights and guard by digest, metrics, the decision, the card."""
    load_plugins(estimators)
    which, rules, root = Policy.read(policy / "policy.json"), read_policy(gates), Path.cwd()
    axes = {
        "corpus": register.corpus,
        "backbone": register.backbone,
        "seed": str(register.seed),
        "variant": register.variant,
    }
    seeds = tuple(dict.fromkeys([register.seed, *matrix.seeds]))
    results = Results(register.corpus, register.backbone, register.seed, seeds, scores, measured, capability)
    ours = results.standing(register.variant)
    package = Package(
        name=register.name,
        axes=axes,
        model=Weights.of(which.model, root),
        adapter=Weights.of(which.adapter, root) if which.adapter else None,
        prompt=which.prompt,
        generate=generate.model_dump(mode="json"),
        metrics=dict(ours.values),
        policy=rules.model_dump(mode="json"),
        guard=Guard.of(safety.detector, chat.referral or REFERRAL, detector, encoder, root),
        form=register.form,
    )
    decision = decide(rules, results, register.variant, prepared, preferences)
    backbone, corpus = backbones[register.backbone], corpora[register.corpus]
    licences = {register.backbone: backbone_licence(backbone), register.corpus: corpus_licence(corpus)}
    scored = ours.scores[register.seed].metrics if register.seed in ours.scores else {}
    certain = certainties(scored, package.metrics, safety_scores / f"{'-'.join(axes.values())}.json")
    card = model_card(package, weights_note(backbone) or "as published", licences, certain)
    package.write(out, decision, card, results.score_files(register.variant))
    run.log_metrics({**package.metrics, "gate/passed": float(decision.passed)})
