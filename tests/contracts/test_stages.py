"""One word names a stage everywhere, and `dvc.yaml` says all that a stage reads."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipelines import dependencies, runner
from pipelines.declared import declared_keys, recorded

from eva.settings.collect_section import Collection
from eva.settings.curate_section import Curation
from eva.settings.params_file import SECTIONS, read_settings

ROOT = Path(__file__).resolve().parents[2]
DAG = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES: dict[str, dict[str, Any]] = {name: body.get("do", body) for name, body in DAG["stages"].items()}
PARTS = {
    "__init__", "__main__", "declared", "dependencies", "leftovers", "preloading", "runner", "scoring",
    "tables",
}  # fmt: skip
GRAPH = dependencies.import_graph()


def test_every_stage_has_its_module_and_no_module_is_left_over() -> None:
    assert set(STAGES) == {path.stem for path in (ROOT / "pipelines").glob("*.py")} - PARTS
    assert sorted(STAGES) == runner.names()


def test_every_stage_has_its_section() -> None:
    tables = {"backbone": "backbones", "people": "evaluate", "crisis_detector": "safety"}
    assert {tables.get(name, name) for name in STAGES} <= set(SECTIONS)


@pytest.mark.parametrize("name", STAGES)
def test_command_fits_the_signature(name: str) -> None:
    """Word, item and every option are those of the stage's function, whose axes are the matrix's."""
    command, stage = STAGES[name]["cmd"], runner.load(name)
    item = "${key} " if stage.axes else ""
    assert command.startswith(f"PYTHONPATH=src python -m pipelines {name} {item}--")
    assert {flag.replace("-", "_") for flag in re.findall(r" --([\w-]+)", command)} == set(stage.paths)
    if "matrix" in STAGES[name]:
        assert list(STAGES[name]["matrix"]) == list(stage.axes)
    assert STAGES[name]["meta"]["pool"] in {"cpu", "gpu"}


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_the_code_that_the_stage_reaches(name: str) -> None:
    """Nothing is missing, and nothing is there that the stage cannot reach."""
    assert f"pipelines/code/{name}" in STAGES[name]["deps"]
    assert not [dep for dep in STAGES[name]["deps"] if dep.startswith("src/") or dep.endswith(".py")]
    wanted = dependencies.links(name, GRAPH)
    assert dependencies.linked(name) == wanted, "run `make deps`"
    assert all((dependencies.CODE / name / link).is_symlink() for link in wanted)


@pytest.mark.parametrize("name", STAGES)
def test_no_stage_depends_on_what_records_or_registers(name: str) -> None:
    """A stage that changed a registry would leave it behind when DVC restores its outs from the cache."""
    linked = set(dependencies.linked(name))
    assert not [link for link in linked if link.startswith("eva.record.")]
    assert not linked & {"eva.registry.pushing.py", "eva.registry.uploading.py"}
    assert not set(dependencies.linked(name)) & {f"pipelines.{part}.py" for part in ("runner", "declared")}


@pytest.mark.parametrize("name", STAGES)
def test_the_record_is_an_out_that_nothing_depends_on(name: str) -> None:
    """So DVC pushes, pulls and restores it with the outs that it tells of."""
    record = f"runs/{name}/${{key}}.json" if runner.load(name).axes else f"runs/{name}.json"
    assert record in STAGES[name]["outs"]
    assert not [dep for dep in STAGES[name]["deps"] if dep.startswith("runs")]


@pytest.mark.parametrize("package", ["src/eva", "pipelines"])
def test_uncovered_package_roots_hold_no_code(package: str) -> None:
    """The lists leave these two files out, so that a version bump retrains nothing."""
    body = ast.parse((ROOT / package / "__init__.py").read_text()).body
    assert all(isinstance(node, ast.Expr | ast.Assign) for node in body)


def _item(name: str) -> dict[str, str]:
    values = {"corpus": "esconv", "backbone": "smollm2", "seed": "1", "variant": "eva", "mechanism": "ip"}
    values |= {"collection": "mine"}
    return {axis: values[axis] for axis in runner.load(name).axes}


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_takes_the_sections_that_it_declares(name: str) -> None:
    keys = declared_keys(name, _item(name), ROOT / "dvc.yaml", read_settings(ROOT / "params.yaml"))
    assert set(runner.load(name).sections) == {key.partition(".")[0] for key in keys}
    mine = {
        "collect": {"mine": Collection(corpus="esconv", model=Path("models/backbone/smollm2"))},
        "curate": {
            "mine": Curation(corpus="esconv", collection="mine", ranking=Path("models/level_classifier"))
        },
    }
    settings = read_settings(ROOT / "params.yaml").model_copy(update=mine)
    assert set(recorded(settings, keys)) == set(keys)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_reads_every_part_of_a_section_that_it_declares(name: str) -> None:
    """What is declared without need runs the stage again for nothing."""
    source = (ROOT / "pipelines" / f"{name}.py").read_text()
    for key in STAGES[name].get("params", []):
        table, _, row = key.partition(".")
        read = rf"{table}\[" if row.startswith("$") else rf"{table}\.{row}" if row else rf"{table}\b"
        assert re.search(rf"[^.\w]{read}", source), f"{name} declares {key}"


def test_no_python_in_the_mlflow_folder() -> None:
    """A package named `mlflow` in the root would hide the real one."""
    assert (ROOT / "mlflow").is_dir()
    assert not list((ROOT / "mlflow").rglob("*.py"))
