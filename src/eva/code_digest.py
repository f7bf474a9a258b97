"""A digest of the code that computes a result; it is part of the key under which the result is stored.

A stored result may be reused only if the present code would compute the same result. The digest covers
the given modules and every module of EVA that they import, directly or through other modules.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from eva.artifacts import canonical

PACKAGE = Path(__file__).parent
# These modules change no result: commands, records of runs, messages. The values of settings are in each key.
_EXCLUDED = ("cli", "record", "settings", "errors", "compat.chatter")


def code_digest(*modules: str) -> str:
    """The first 16 hex digits of the sha256 of the code of `modules` and of all EVA modules they import.

    Comments, docstrings and layout do not change it. Another version of Python may give another digest,
    because its syntax trees differ; the result is then computed again.

    Args:
        modules: dotted names such as `eva.training.dpo_trainer`. A module that is started by its name
            instead of being imported has to be given here too.

    Raises:
        ModuleNotFoundError: EVA has no such module.
    """
    return _digest(modules, PACKAGE)


@lru_cache
def _digest(modules: tuple[str, ...], package: Path) -> str:
    waiting, code = list(modules), dict[str, str]()
    for name in modules:
        if _source(name, package) is None:
            raise ModuleNotFoundError(f"{name} is no module below {package}")
    while waiting:
        name = waiting.pop()
        source = _source(name, package)
        if source is None or name in code:
            continue
        tree = _Bare().visit(ast.parse(source.read_text(encoding="utf-8")))
        code[name] = ast.dump(tree)
        waiting.extend(_imported(tree, name if source.stem == "__init__" else name.rpartition(".")[0]))
    return hashlib.sha256(canonical(code).encode()).hexdigest()[:16]


def _source(name: str, package: Path) -> Path | None:
    """The file of a module; None if it is outside EVA or excluded, as `eva/__init__.py` (the version) is."""
    root, _, inner = name.partition(".")
    if root != "eva" or not inner or any(f"{inner}.".startswith(f"{one}.") for one in _EXCLUDED):
        return None
    path = package.joinpath(*inner.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that a module imports, at the top or inside functions, and their parent packages."""
    for node in ast.walk(tree):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            found = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in found:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


class _Bare(ast.NodeTransformer):
    """Removes what does not run: docstrings, and imports under `if TYPE_CHECKING`."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        typing_only = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if typing_only else self.generic_visit(node)
