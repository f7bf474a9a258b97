"""Which fields of the settings the code reads, found in its syntax trees by the annotations there.

`settings.sft.lr` is a read of `Sft.lr` where `settings` is known to be a `Settings`: a parameter's or an
attribute's annotation, a function's return annotation, a variable assigned from one of these, an entry of
a container of them. So a field of a common name (`seed`) is not taken for another class's. What the trees
do not tell is no read: `getattr` by a computed name, `model_dump` (which keys stored results by all fields,
read or not), and objects whose type no annotation says.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

Types = frozenset[str]
NOTHING: Types = frozenset()
# Methods of containers and of sections that give back what they hold.
_PASSING = {"items", "values", "get", "model_copy", "model_validate", "copy", "pop", "setdefault"}
_WRAPPING = {
    "sorted",
    "list",
    "tuple",
    "set",
    "enumerate",
    "zip",
    "reversed",
    "iter",
    "next",
    "dict",
    "replace",
}


class Reader:
    """Collects reads `(class, field)`.

    Args:
        fields: of each class of the settings, the classes that its fields hold.
        sources: code whose reads count.
        declaring: code that is looked at only for what its functions return.
    """

    def __init__(
        self, fields: Mapping[str, Mapping[str, Types]], sources: Iterable[str], declaring: Iterable[str] = ()
    ) -> None:
        self.reads: set[tuple[str, str]] = set()
        self._fields = fields
        self._trees = [ast.parse(source) for source in sources]
        self._known = set(fields) | {
            node.name for tree in self._trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
        }
        self._aliases: dict[str, Types] = {}
        self._variables: set[str] = set()
        self._generic: set[tuple[str, str]] = set()
        self._returns: defaultdict[str, Types] = defaultdict(frozenset)
        self._attributes: defaultdict[tuple[str, str], Types] = defaultdict(frozenset)
        for tree in [*map(ast.parse, declaring), *self._trees]:
            self._note_annotations(tree)
        size = -1
        while size != (size := len(self.reads) + sum(map(len, self._attributes.values()))):
            for tree in self._trees:
                _Scope(self, {}, NOTHING).run(tree.body)

    def _note_annotations(self, tree: ast.Module) -> None:
        for node in tree.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and (
                _is_type_variable(node.value) or isinstance(node.value, _ALIAS)
            ):
                self._aliases[target.id] = self.annotated(node.value)
                self._variables |= {target.id} if _is_type_variable(node.value) else set()
        for inner in ast.walk(tree):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                self._returns[inner.name] |= self.annotated(inner.returns)
            elif isinstance(inner, ast.ClassDef):
                self._note_class(inner)

    def _note_class(self, node: ast.ClassDef) -> None:
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                self._attributes[node.name, part.target.id] |= self.annotated(part.annotation)
                if isinstance(part.annotation, ast.Name) and part.annotation.id in self._variables:
                    self._generic.add((node.name, part.target.id))
            elif isinstance(part, ast.FunctionDef):  # one that is a property is read as an attribute is
                self._attributes[node.name, part.name] |= self.annotated(part.returns)

    def annotated(self, annotation: ast.AST | None) -> Types:
        """The classes that an annotation names, in whatever container."""
        names: set[str] = set()
        for node in ast.walk(annotation) if annotation else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):  # a name that comes later
                names |= set(re.findall(r"\w+", node.value))
            elif isinstance(node, ast.Name | ast.Attribute):
                names.add(node.id if isinstance(node, ast.Name) else node.attr)
        return frozenset(names & self._known).union(*(self._aliases.get(name, NOTHING) for name in names))

    def member(self, owners: Types, name: str) -> Types:
        """What `owner.name` is, which is a read where the owner is a section.

        `job.seed` of a `Job[Dpo]` is the job's own, if it has one.
        """
        holders = {
            owner for owner in owners if (owner, name) in self._attributes and owner not in self._fields
        }
        found: set[str] = set()
        for owner in holders or owners:
            if name in self._fields.get(owner, {}):
                self.reads.add((owner, name))
                found |= self._fields[owner][name]
            found |= self._attributes.get((owner, name), NOTHING)
            if (owner, name) in self._generic:  # of `Job[Dpo]`, the settings are a `Dpo`
                found |= owners & self._fields.keys()
        return frozenset(found)

    def named(self, name: str) -> Types:
        """A class by its name."""
        return frozenset({name} & self._known)

    def returned(self, name: str) -> Types:
        return self.named(name) or self._returns.get(name, NOTHING)

    def keep(self, owners: Types, name: str, types: Types) -> None:
        for owner in owners:
            self._attributes[owner, name] |= types


class _Scope:
    """One function (or module) with the types of its names."""

    def __init__(self, reader: Reader, names: Mapping[str, Types], owner: Types) -> None:
        self._reader, self._names, self._owner = reader, dict(names), owner

    def run(self, body: Sequence[ast.AST]) -> None:
        for node in body:
            self._statement(node)

    def _statement(self, node: ast.AST) -> None:
        if isinstance(node, ast.ClassDef):
            _Scope(self._reader, self._names, frozenset({node.name})).run(node.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._function(node)
        elif isinstance(node, ast.Assign):
            self._assign(node.targets, node.value)
        elif isinstance(node, ast.AnnAssign):
            self._bind(node.target, self._reader.annotated(node.annotation) | self._of(node.value))
        elif isinstance(node, ast.For | ast.AsyncFor):
            self._bind(node.target, self._of(node.iter))
            self.run([*node.body, *node.orelse])
        elif isinstance(node, ast.withitem):
            types = self._of(node.context_expr)
            if node.optional_vars is not None:
                self._bind(node.optional_vars, types)
        elif isinstance(node, ast.expr):
            self._of(node)
        else:
            self.run(list(ast.iter_child_nodes(node)))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        own = _Scope(self._reader, self._names, self._owner)
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for one in given:
            own._names[one.arg] = self._reader.annotated(one.annotation)
        if given and given[0].arg in {"self", "cls"}:
            own._names[given[0].arg] = self._owner
        self.run([*node.decorator_list, *node.args.defaults])
        own.run(node.body)

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr) -> None:
        for target in targets:
            if (
                isinstance(target, ast.Tuple)
                and isinstance(value, ast.Tuple)
                and len(target.elts) == len(value.elts)
            ):
                for left, right in zip(target.elts, value.elts, strict=True):
                    self._assign([left], right)
            else:
                self._bind(target, self._of(value))

    def _bind(self, target: ast.expr, types: Types) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = self._names.get(target.id, NOTHING) | types
        elif isinstance(target, ast.Attribute):
            self._reader.keep(self._of(target.value), target.attr, types)
        else:
            for part in ast.iter_child_nodes(target):
                if isinstance(part, ast.expr):
                    self._bind(part, types)

    def _of(self, node: ast.AST | None) -> Types:
        """The types that an expression may have; its reads are noted on the way."""
        if node is None:
            return NOTHING
        if isinstance(node, ast.Name):
            return self._names.get(node.id) or self._reader.named(node.id)
        if isinstance(node, ast.Attribute):
            return self._reader.member(self._of(node.value), node.attr)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Lambda):
            self._of(node.body)
            return NOTHING
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            return self._comprehension(node)
        if isinstance(node, ast.NamedExpr):
            self._bind(node.target, types := self._of(node.value))
            return types
        inner = [self._of(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
        if isinstance(node, ast.Subscript):
            return inner[0]
        return NOTHING.union(*inner) if isinstance(node, _CARRYING) else NOTHING

    def _call(self, node: ast.Call) -> Types:
        given = [self._of(one) for one in [*node.args, *(word.value for word in node.keywords)]]
        if isinstance(node.func, ast.Name):
            if node.func.id in _WRAPPING:
                return NOTHING.union(*given)
            return self._reader.returned(node.func.id)
        owner = self._of(node.func.value) if isinstance(node.func, ast.Attribute) else NOTHING
        if not isinstance(node.func, ast.Attribute):
            return NOTHING
        return owner if node.func.attr in _PASSING else self._reader.returned(node.func.attr)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Types:
        inner = _Scope(self._reader, self._names, self._owner)
        for part in node.generators:
            inner._bind(part.target, inner._of(part.iter))
            for condition in part.ifs:
                inner._of(condition)
        if isinstance(node, ast.DictComp):
            return inner._of(node.key) | inner._of(node.value)
        return inner._of(node.elt)


_CARRYING = (
    ast.BoolOp, ast.IfExp, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp, ast.Starred, ast.Await,
    ast.Yield, ast.YieldFrom,
)  # fmt: skip
_ALIAS = (ast.Subscript, ast.BinOp)


def _is_type_variable(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "TypeVar"
