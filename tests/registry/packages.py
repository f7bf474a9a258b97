"""A package of a tiny model, as the stage `register` writes it, with the records of the runs behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from eva.record import stage_run
from eva.registry import lineage, pushing
from eva.registry.gate_decision import Check, Decision
from eva.registry.package import Guard, Package, Weights
from eva.settings.generate_section import Generate
from eva.settings.register_section import Form

AXES = {"corpus": "esconv", "backbone": "tiny", "seed": "1", "variant": "eva"}
CARD = "---\nlicense: apache-2.0\n---\n# A test model\n"
LOOSE = {"baseline": "base", "lineage": "recorded"}
RULES = Guard("rules", "Please talk to a person.", None, None)
PASSED = Decision((Check("requires x", True, "x is 1"),))
REFUSED = Decision((Check("requires x", False, "dpo/accuracy_after was not measured"),))


def greedy() -> Generate:
    return Generate(
        max_new_tokens=8, cot_max_new_tokens=16, temperature=0, top_p=1, repetition_penalty=1, batch_size=2,
        max_length=256, precision="fp32",
    )  # fmt: skip


def write_package(
    root: Path,
    model: str,
    adapter: str | None = None,
    decision: Decision = PASSED,
    name: str = "eva-tiny",
    policy: Mapping[str, str] = LOOSE,
    guard: Guard | None = RULES,
    form: Form = "merged",
) -> Package:
    """Write `registry/` into a checkout; `model` and `adapter` are folders in it."""
    package = Package(
        name=name,
        axes=dict(AXES),
        model=Weights.of(model, root),
        adapter=Weights.of(adapter, root) if adapter else None,
        prompt="eva",
        generate=greedy().model_dump(mode="json"),
        metrics={"evaluate/evaeval/avg": 0.25},
        policy=dict(policy),
        guard=guard,
        form=form,
    )
    package.write(root / "registry", decision, CARD, {})
    return package


def known_lineage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs behind a package that need not be made: for tests of what comes after the lineage."""
    told = {
        stage: {"run": "0" * 32, "commit": "c" * 40, "uncommitted_changes": False} for stage in lineage.STAGES
    }
    monkeypatch.setattr(pushing, "makers", lambda axes, root: {})
    monkeypatch.setattr(pushing, "lineage", lambda made_by, root: told)


def record(root: Path, stage: str, item: Mapping[str, str], outputs: Sequence[str]) -> None:
    """A recorded run of a stage that made these folders."""
    with stage_run(stage, item, {}, {}, root=root) as run:
        run.log_outputs({Path(path).name: root / path for path in outputs})


def record_chain(root: Path) -> None:
    """Records of every stage behind a package; only `dpo` and `register` have outputs of their own."""
    for stage, axes in lineage.STAGES.items():
        (root / "made" / stage).mkdir(parents=True, exist_ok=True)
        (root / "made" / stage / "out").write_text(stage)
        out = "registry" if stage == "register" else f"made/{stage}"
        record(root, stage, {axis: AXES[axis] for axis in axes}, [out])
