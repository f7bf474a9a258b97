"""One word names a stage everywhere, and `dvc.yaml` says all that a stage reads."""

import ast
from pathlib import Path

import grimp
import pytest
import yaml

from eva.settings.params_file import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
DAG = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = {name: body.get("do", body) for name, body in DAG["stages"].items()}
MODULES = {path.stem for path in (ROOT / "pipelines").glob("*.py")} - {"__init__", "harness"}
GRAPH = grimp.build_graph("eva", "pipelines", cache_dir=None)


def test_every_stage_has_its_module_and_no_module_is_left_over() -> None:
    assert set(STAGES) == MODULES


def test_every_stage_has_its_section() -> None:
    tables = {"backbone": "backbones"}
    assert {tables.get(name, name) for name in STAGES} <= set(SECTIONS)


@pytest.mark.parametrize("name", STAGES)
def test_command_names_the_stage_and_the_pool(name: str) -> None:
    command = STAGES[name]["cmd"]
    assert command.startswith(f"PYTHONPATH=src python -m pipelines.{name} ")
    assert STAGES[name]["meta"]["pool"] in {"cpu", "gpu"}
    source = (ROOT / "pipelines" / f"{name}.py").read_text()
    assert f'@stage("{name}")' in source


def _source(module: str) -> Path:
    base = ROOT / ("src" if module.startswith("eva") else ".") / Path(*module.split("."))
    return base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"


def _covered(path: Path, deps: list[str]) -> bool:
    relative = path.relative_to(ROOT).as_posix()
    return any(relative == dep or relative.startswith(f"{dep}/") for dep in deps)


@pytest.mark.parametrize("name", STAGES)
def test_deps_cover_the_imports_of_the_module(name: str) -> None:
    module = f"pipelines.{name}"
    imported = {module, *GRAPH.find_upstream_modules(module)} - {"eva", "pipelines"}
    missing = sorted(m for m in imported if not _covered(_source(m), STAGES[name]["deps"]))
    assert not missing, f"add to deps of `{name}` in dvc.yaml: {missing}"


@pytest.mark.parametrize("name", STAGES)
def test_deps_name_no_code_that_is_not_imported(name: str) -> None:
    module = f"pipelines.{name}"
    imported = {module, *GRAPH.find_upstream_modules(module)}
    files = [_source(m).relative_to(ROOT).as_posix() for m in imported]
    code = [dep for dep in STAGES[name]["deps"] if dep.startswith(("src/", "pipelines/"))]
    unused = [dep for dep in code if not any(f == dep or f.startswith(f"{dep}/") for f in files)]
    assert not unused, f"deps of `{name}` that its module does not import: {unused}"


@pytest.mark.parametrize("package", ["src/eva", "pipelines"])
def test_uncovered_package_roots_hold_no_code(package: str) -> None:
    """`deps` leave these two files out, so that a version bump retrains nothing."""
    body = ast.parse((ROOT / package / "__init__.py").read_text()).body
    assert all(isinstance(node, ast.Expr | ast.Assign) for node in body)


def test_no_python_in_the_mlflow_folder() -> None:
    """A package named `mlflow` in the root would hide the real one."""
    assert (ROOT / "mlflow").is_dir()
    assert not list((ROOT / "mlflow").rglob("*.py"))
