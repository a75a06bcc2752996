"""Make mutants of a module: copies of its syntax tree with one change each."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_COMPARE: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_PAIRS = [("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("nanmin", "nanmax"), ("any", "all")]
_NAMES = {**dict(_PAIRS), **{b: a for a, b in _PAIRS}, "sum": "max", "mean": "sum", "cumsum": "cumprod"}


@dataclass(frozen=True)
class Mutant:
    """One change: its name, unique in the module, the lines of the changed statement, and the changed code."""

    name: str
    lines: range
    inside: bool  # a function: runs only when called
    tree: ast.Module


def changes_of(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST | None]]]:
    """Yield how a node can be changed: a kind, and what makes the changed node of a copy (None to leave it out)."""
    if isinstance(node, ast.Compare):
        for k, old in enumerate(node.ops):
            for new in _COMPARE[type(old)]:
                yield "compare", lambda n, k=k, new=new: _with(n, ops=[*n.ops[:k], new(), *n.ops[k + 1 :]])
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _BINARY:
        yield "operator", lambda n: _with(n, op=_BINARY[type(n.op)]())
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield "sign", lambda n: n.operand
    elif isinstance(node, ast.BoolOp):
        yield "boolean", lambda n: _with(n, op=ast.Or() if isinstance(n.op, ast.And) else ast.And())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "constant", lambda n: ast.Constant(not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield "constant", lambda n: ast.Constant(n.value + 1)
        if isinstance(node.value, float) and abs(node.value) > 1e-3:  # tolerances may be half as large again
            yield "constant", lambda n: ast.Constant(n.value * 1.5)
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        yield "name", lambda n: _with(n, attr=_NAMES[n.attr])
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _NAMES:
        yield "name", lambda n: _with(n, id=_NAMES[n.id])
    elif isinstance(node, ast.Return) and node.value is not None and not _is_constant(node.value):
        yield "return", lambda n: _with(n, value=ast.Constant(None))
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not _negated_elsewhere(node.test):
        yield "negate", lambda n: _with(n, test=ast.UnaryOp(ast.Not(), n.test))
    elif isinstance(node, ast.comprehension) and node.ifs and not _negated_elsewhere(node.ifs[0]):
        yield "negate", lambda n: _with(n, ifs=[ast.UnaryOp(ast.Not(), n.ifs[0]), *n.ifs[1:]])
    if _can_go(node):
        yield "drop", lambda n: ast.Pass()


def _negated_elsewhere(test: ast.AST) -> bool:
    """Tell whether the negation of a condition is among the changes of the condition itself."""
    return (isinstance(test, ast.Compare) and len(test.ops) == 1) or isinstance(test, ast.UnaryOp)


def _can_go(node: ast.AST) -> bool:
    """Tell whether a statement can be left out; an assignment to a name cannot, it would be missing."""
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return isinstance(node, ast.AugAssign | ast.Raise | ast.Continue | ast.Break)


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _with(node: Any, **fields: Any) -> Any:
    return type(node)(**{**{name: getattr(node, name) for name in node._fields}, **fields})


def mutants_of(source: str) -> list[Mutant]:
    """Return all mutants of a module's source; asserts, annotations and words are left as they are."""
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    tree = ast.parse(source)
    for path, node, where, span in _places(tree):
        for kind, change in changes_of(node):
            copy = ast.parse(source)
            new = ast.copy_location(change(_at(copy, path)), node)
            before, after = _text(node), "left out" if kind == "drop" else _text(new)
            _put(copy, path, new)
            name = f"{where or 'module'}: {before} -> {after}"
            seen[name] += 1
            name += f" #{seen[name]}" if seen[name] > 1 else ""
            found.append(Mutant(name, span, bool(where), ast.fix_missing_locations(copy)))
    return found


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        return f"{type(node).__name__.lower()} {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


Path_ = list[tuple[str, int | None]]


def _places(tree: ast.Module) -> Iterator[tuple[Path_, ast.AST, str, range]]:
    """Yield every node that may change: its path from the root, itself, its function's name, its statement's lines."""
    skipped = {"annotation", "returns", "ops", "op", "ctx", "decorator_list", "type_comment"}

    def walk(node: ast.AST, path: Path_, where: str, span: range) -> Iterator[tuple[Path_, ast.AST, str, range]]:
        if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom | ast.JoinedStr):
            return
        if isinstance(node, ast.stmt):
            header = getattr(node, "test", None) or getattr(node, "iter", None) or node
            span = range(node.lineno, (header.end_lineno or node.lineno) + 1)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            where = f"{where}.{node.name}".strip(".")
        yield path, node, where if not isinstance(node, ast.ClassDef) else "", span
        for name, value in ast.iter_fields(node):
            if name in skipped:
                continue
            if isinstance(value, ast.AST):
                yield from walk(value, [*path, (name, None)], where, span)
            elif isinstance(value, list):
                for k, one in enumerate(value):
                    if isinstance(one, ast.AST):
                        yield from walk(one, [*path, (name, k)], where, span)

    yield from walk(tree, [], "", range(0))


def _at(tree: ast.AST, path: Path_) -> Any:
    node: Any = tree
    for name, k in path:
        node = getattr(node, name) if k is None else getattr(node, name)[k]
    return node


def _put(tree: ast.AST, path: Path_, new: ast.AST) -> None:
    *way, (name, k) = path
    parent = _at(tree, way)
    if k is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[k] = new
