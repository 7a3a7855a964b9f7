"""Free names: what a source reads and does not define itself.

Python's scoping rules (language reference, 4.2 "Naming and binding"), walked in order of evaluation: a name is free when
no scope that is visible from where it is read binds it. Class scopes are visible only to their own body.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_IMPLICIT = frozenset(
    {"__name__", "__doc__", "__builtins__", "__annotations__", "__class__", "__package__", "__spec__", "__loader__"}
)
_FUTURE_ANNOTATIONS = "annotations"


@dataclass(frozen=True, slots=True)
class FreeName:
    """A name read at `line`. Not `sure`: the source may bind it before it is read, so its absence is no error."""

    name: str
    line: int
    sure: bool = True


def free_names(tree: ast.Module) -> list[FreeName]:
    """Every free name of a module once, where it is first read, builtins included."""
    walk = _Walk(_lazy_annotations(tree))
    module = _Scope("module")
    walk.body(tree.body, module)
    walk.finish()
    found: dict[str, FreeName] = {}
    for free in sorted(walk.free(module), key=lambda free: (not free.sure, free.line, free.name)):
        found.setdefault(free.name, free)
    return sorted(found.values(), key=lambda free: (free.line, free.name))


def bound_names(tree: ast.Module) -> set[str]:
    """The names that running the module binds at its top level."""
    walk = _Walk(_lazy_annotations(tree))
    module = _Scope("module")
    walk.body(tree.body, module)
    walk.finish()
    return module.bound | module.bound_by_global


def _lazy_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == _FUTURE_ANNOTATIONS for alias in node.names)
        for node in tree.body
    )


@dataclass(eq=False)
class _Scope:
    kind: str  # module | function | class | comprehension
    parent: _Scope | None = None
    bound: set[str] = field(default_factory=set)
    outer: dict[str, str] = field(default_factory=dict)  # name → global | nonlocal
    bound_by_global: set[str] = field(default_factory=set)  # module only: bound inside functions
    star: bool = False  # module only: holds an import *

    @property
    def module(self) -> _Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def binds(self, name: str) -> bool:
        return name in self.bound and name not in self.outer


@dataclass(frozen=True, slots=True)
class _Read:
    name: str
    line: int
    scope: _Scope
    early: bool  # read by module-level code before module-level code bound it


class _Walk(ast.NodeVisitor):
    """Collects bindings and reads. Function bodies wait until the code around them is walked, as at run time."""

    def __init__(self, lazy_annotations: bool) -> None:
        self.lazy_annotations = lazy_annotations
        self.scope = _Scope("module")
        self.reads: list[_Read] = []
        self.later: list[tuple[_Scope, Iterable[ast.AST]]] = []

    def body(self, nodes: Iterable[ast.AST], scope: _Scope) -> None:
        before, self.scope = self.scope, scope
        for node in nodes:
            self.visit(node)
        self.scope = before

    def finish(self) -> None:
        while self.later:
            scope, nodes = self.later.pop(0)
            self.body(nodes, scope)

    def free(self, module: _Scope) -> Iterator[FreeName]:
        for read in self.reads:
            if read.name in _IMPLICIT or _enclosed(read.name, read.scope):
                continue
            if read.name in module.bound and not read.early:
                continue
            maybe = read.name in module.bound | module.bound_by_global or module.star
            yield FreeName(read.name, read.line, sure=not maybe)

    # --- bindings

    def bind(self, name: str) -> None:
        scope = self.scope
        if scope.outer.get(name) == "global":
            scope.module.bound_by_global.add(name)
        scope.bound.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.read(node.id, node.lineno)
        else:
            self.bind(node.id)

    def read(self, name: str, line: int) -> None:
        scope = self.scope
        while scope.kind in ("comprehension", "class") and scope.parent is not None:
            if scope.binds(name):
                break
            scope = scope.parent
        early = scope.kind == "module" and name not in scope.bound
        self.reads.append(_Read(name, line, self.scope, early))

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.scope.module.star = True
            else:
                self.bind(alias.asname or alias.name.split(".")[0])

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.outer.update(dict.fromkeys(node.names, "global"))

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.scope.outer.update(dict.fromkeys(node.names, "nonlocal"))

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type:
            self.visit(node.type)
        if node.name:
            self.bind(node.name)
        self.body(node.body, self.scope)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.generic_visit(node)
        if node.name:
            self.bind(node.name)

    visit_MatchStar = visit_MatchAs  # noqa: N815

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self.bind(node.rest)

    # --- order of evaluation: the value before the target

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        self.body(node.targets, self.scope)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id, node.target.lineno)
        self.visit(node.value)
        self.visit(node.target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if not self.lazy_annotations and self.scope.kind != "function":
            self.visit(node.annotation)  # those of local variables are never evaluated
        if node.value:
            self.visit(node.value)
        if node.value or self.scope.kind == "function":
            self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        scope = self.scope
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        self.body([node.target], scope)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.body([node.target, *node.body, *node.orelse], self.scope)

    visit_AsyncFor = visit_For  # noqa: N815

    # --- scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.body(node.decorator_list, self.scope)
        around = self.type_scope(node)
        self.defaults(node.args, around)
        if node.returns:
            self.annotations([node.returns], around)
        self.later.append((self.function(node.args, around), node.body))
        self.bind(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.defaults(node.args, self.scope)
        self.later.append((self.function(node.args, self.scope), [node.body]))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.body(node.decorator_list, self.scope)
        around = self.type_scope(node)
        self.body([*node.bases, *node.keywords], around)
        self.body(node.body, _Scope("class", around))
        self.bind(node.name)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """`type X[T] = …` (Python 3.12): the value is evaluated when it is asked for."""
        self.later.append((self.type_scope(node), [node.value]))  # type: ignore[attr-defined]
        self.visit(node.name)  # type: ignore[attr-defined]

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        inner = _Scope("comprehension", self.scope)
        self.body([first.target, *first.ifs], inner)
        for generator in others:
            self.body([generator.iter, generator.target, *generator.ifs], inner)
        self.body([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = comprehension  # noqa: N815

    def type_scope(self, node: ast.AST) -> _Scope:
        parameters: list[ast.AST] = getattr(node, "type_params", [])
        if not parameters:
            return self.scope
        scope = _Scope("function", self.scope)
        scope.bound.update(parameter.name for parameter in parameters)  # type: ignore[attr-defined]
        self.later.append((scope, [bound for p in parameters if (bound := getattr(p, "bound", None))]))
        return scope

    def defaults(self, arguments: ast.arguments, scope: _Scope) -> None:
        self.body([node for node in (*arguments.defaults, *arguments.kw_defaults) if node], self.scope)
        self.annotations([a.annotation for a in _arguments(arguments) if a.annotation], scope)

    def annotations(self, nodes: list[ast.expr], scope: _Scope) -> None:
        if not self.lazy_annotations:
            self.body(nodes, scope)

    def function(self, arguments: ast.arguments, parent: _Scope) -> _Scope:
        scope = _Scope("function", parent)
        scope.bound.update(argument.arg for argument in _arguments(arguments))
        return scope


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    stars = [star for star in (arguments.vararg, arguments.kwarg) if star]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *stars]


def _enclosed(name: str, scope: _Scope) -> bool:
    """A scope below the module, visible from `scope`, binds the name."""
    here: _Scope | None = scope
    while here is not None and here.kind != "module":
        if here.outer.get(name) == "global":
            return False
        if (here is scope or here.kind != "class") and here.binds(name):
            return True
        here = here.parent
    return False
