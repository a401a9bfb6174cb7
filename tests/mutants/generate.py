"""Small faults made by rule out of a module's source: what a slip of the hand could be. Pure: text in, texts out."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_CALLS = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}
_SIDES = {"EXTERNAL": "FLOWTLY", "FLOWTLY": "EXTERNAL"}
_Change = Callable[[ast.AST], ast.AST | None]


@dataclass(frozen=True)
class Generated:
    """One fault: where, what was done (``count``: which of several alike), and the whole new source."""

    line: int
    column: int
    what: str
    count: int
    source: str


def faults(source: str) -> list[Generated]:
    """Every fault that the rules make of a module, in the order of its lines."""
    tree = ast.parse(source)
    plain, sources, alike = ast.unparse(tree), set(), Counter[str]()
    found = []
    for number, node in enumerate(_nodes(tree)):
        for what, change in _changes(node):
            mutant = _applied(tree, number, change)
            if mutant == plain or mutant in sources:
                continue
            sources.add(mutant)
            said = f"{what}: {_short(node)}"
            alike[said] += 1
            line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
            found.append(Generated(line, column, said, alike[said], mutant))
    return sorted(found, key=lambda one: (one.line, one.column, one.what))


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 70 else f"{text[:67]}..."


def _nodes(tree: ast.Module) -> list[ast.AST]:
    """The nodes that do something, in one order for a tree and its copies: no annotations, decorators or docstrings."""
    found: list[ast.AST] = []
    _gather(tree, found)
    return found


def _gather(node: ast.AST, found: list[ast.AST]) -> None:
    skipped = {"annotation", "returns", "decorator_list", "bases", "type_params"}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    found.append(node)
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                _gather(child, found)


def _applied(tree: ast.Module, number: int, change: _Change) -> str:
    """The source with the node of that number changed."""
    twin = copy.deepcopy(tree)
    wanted = _nodes(twin)[number]
    return ast.unparse(ast.fix_missing_locations(_Replace(wanted, change).visit(twin)))


class _Replace(ast.NodeTransformer):
    def __init__(self, wanted: ast.AST, change: _Change) -> None:
        self._wanted, self._change = wanted, change

    def visit(self, node: ast.AST) -> ast.AST | None:
        if node is self._wanted:
            return self._change(node)
        return self.generic_visit(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, _Change]]:
    """What may be done to this node."""
    yield from _logic(node)
    yield from _values(node)


def _logic(node: ast.AST) -> Iterator[tuple[str, _Change]]:
    """Conditions, and statements that are left out."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            yield "compared otherwise", lambda n: _set(n, ops=[_COMPARISONS[type(op)]()])
        case ast.BoolOp(op=op, values=values):
            turned = ast.And() if isinstance(op, ast.Or) else ast.Or()
            yield "and/or exchanged", lambda n: _set(n, op=turned)
            for place in range(len(values)):
                yield f"part {place + 1} left out", lambda n, place=place: _without(n, place)
        case ast.UnaryOp(op=ast.Not()):
            yield "not left out", lambda n: n.operand  # type: ignore[attr-defined]
        case ast.If() | ast.IfExp() | ast.While():
            yield "condition turned", lambda n: _set(n, test=ast.UnaryOp(ast.Not(), n.test))  # type: ignore[attr-defined]
        case ast.comprehension(ifs=[_, *_]):
            yield "filter left out", lambda n: _set(n, ifs=[])
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield "left out", lambda n: ast.copy_location(ast.Pass(), n)  # type: ignore[type-var]
        case ast.Continue():
            yield "break", lambda _: ast.Break()


def _values(node: ast.AST) -> Iterator[tuple[str, _Change]]:
    """Constants, operators, sides, calls and what is returned."""
    match node:
        case ast.Constant(value=bool() as value):
            yield "turned", lambda n: _set(n, value=not value)
        case ast.Constant(value=int() as number):
            yield "one more", lambda n: _set(n, value=number + 1)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield "returns nothing", lambda n: _set(n, value=ast.Constant(None))
        case ast.BinOp(op=op) if type(op) in _OPERATORS:
            yield "other operator", lambda n: _set(n, op=_OPERATORS[type(op)]())
        case ast.Attribute(value=ast.Name(id="Side"), attr=side) if side in _SIDES:
            yield "other side", lambda n: _set(n, attr=_SIDES[side])
        case ast.Attribute(attr="other"):
            yield "this side", lambda n: n.value  # type: ignore[attr-defined]
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield _CALLS[name], lambda n: _set(n, func=ast.Name(_CALLS[name], ast.Load()), keywords=[])


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _set(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node


def _without(node: ast.AST, place: int) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    node.values = [value for number, value in enumerate(node.values) if number != place]
    return node.values[0] if len(node.values) == 1 else node
