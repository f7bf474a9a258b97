"""Stage `register`: add a model to the MLflow registry with its lineage and the decision of the gate."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from eva import artifacts
from eva.models.loading import Policy
from eva.models.packages import weights_note
from eva.registry.model_card import model_card
from eva.registry.promotion import gate
from eva.settings.backbones_section import Backbone
from eva.settings.generate_section import Generate
from eva.settings.register_section import Register

if TYPE_CHECKING:
    from eva.record import StageRun


def main(
    run: "StageRun",
    register: Register,
    generate: Generate,
    backbones: Mapping[str, Backbone],
    *,
    report: Path,
    policy: Path,
    scores: Path,
    alignment: Path,
    gates: Path,
    out: Path,
) -> None:
    """Upload the merged model of one variant; the alias is set on it only if the gate passes."""
    from eva.registry.lineage import lineage_tags, makers
    from eva.registry.registration import register as upload
    from eva.registry.registration import require_run
    from eva.registry.serving import served

    run.announce()
    run_id = require_run(run.run_id, register.name, Path.cwd())
    which = Policy.read(policy / "policy.json")
    metrics = {
        f"{name}/{key}": value
        for name, path in (("evaluate", scores), ("dpo", alignment))
        for key, value in artifacts.read_json(path).items()
        if value is not None
    }
    decision = gate(metrics, register.alias, gates)
    axes = {
        "corpus": register.corpus,
        "backbone": register.backbone,
        "seed": str(register.seed),
        "variant": register.variant,
    }
    lineage = {
        **axes,
        "prompt": which.prompt,
        "weights": weights_note(backbones[register.backbone]) or "as published",
        "policy": artifacts.digest_path(policy),
        "report": artifacts.digest_path(report),
        "dvc_lock": _digest_if_there(Path("dvc.lock")),
        "commit": run.record.commit or "none",
        "training": which.fingerprint or "none",
        **lineage_tags(makers(axes, Path.cwd()), Path.cwd()),
    }
    model = served(Path(which.model), Path(which.adapter) if which.adapter else None, which.prompt, generate)
    registration = upload(
        model,
        register.name,
        decision,
        metrics=metrics,
        tags=lineage,
        card=model_card(register.name, lineage, metrics),
        run_id=run_id,
        root=Path.cwd(),
    )
    artifacts.write_json(out, asdict(decision))
    run.log_tags({"model": registration.uri})
    run.log_metrics(metrics)


def _digest_if_there(path: Path) -> str:
    return artifacts.digest_file(path) if path.is_file() else "none"
