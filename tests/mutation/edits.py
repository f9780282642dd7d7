"""Small edits of a module's source, each of which a test should notice: a comparison inverted, a statement removed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
TURNED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
}
LEFT_ALONE = {"annotation", "returns", "decorator_list", "type_comment"}
"""Fields in which nothing is edited."""


@dataclass(frozen=True)
class Edit:
    """Replaces `old` at `line`, within `function` (empty: at import), by `new`."""

    line: int
    function: str
    kind: str
    old: str
    new: str
    number: int
    """Its index among the edits of its module."""


def edits(source: str) -> list[Edit]:
    """All edits of a module, in the order of its tree."""
    return [edit for edit, _ in _edited(ast.parse(source))]


def edited(source: str, number: int) -> ast.Module:
    """The module with one edit made. Raises `LookupError` if there are fewer."""
    tree = ast.parse(source)
    for edit, _ in _edited(tree):
        if edit.number == number:
            return ast.fix_missing_locations(tree)  # As it is now: with this edit.
    raise LookupError(number)


def _edited(tree: ast.Module) -> Iterator[tuple[Edit, ast.Module]]:
    """The tree is edited while an edit is yielded, and restored afterwards."""
    number = 0
    for parent, name, at, node, line, function in list(_places(tree, 1, "")):
        for kind, new in list(_variants(node, name, function)):
            old = ast.unparse(node)
            _put(parent, name, at, ast.copy_location(new, node))
            yield Edit(line, function, kind, old, ast.unparse(new), number), tree
            number += 1
            _put(parent, name, at, node)


def _put(parent: ast.AST, name: str, at: int | None, node: ast.AST) -> None:
    if at is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[at] = node


def _places(node: ast.AST, line: int, function: str) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, int, str]]:
    """(parent, field, index in it, child, line of its statement, function) of everything that can be edited."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        function = f"{function}.{node.name}".strip(".")
    for name, value in ast.iter_fields(node):
        if name in LEFT_ALONE or (isinstance(node, ast.AnnAssign) and name == "target"):
            continue
        for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_talk(child):
                continue
            here = child.lineno if isinstance(child, ast.stmt) else line
            yield node, name, at, child, here, function
            yield from _places(child, here, function)


def _is_talk(node: ast.AST) -> bool:
    """Code without an effect on behavior: documentation, log lines, imports, string formatting."""
    if isinstance(node, ast.Expr):
        call = node.value
        return isinstance(call, ast.Constant) or (
            isinstance(call, ast.Call) and ast.unparse(call.func).startswith("log.")
        )
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Assert))


def _variants(node: ast.AST, field: str, function: str) -> Iterator[tuple[str, ast.AST]]:
    if field == "test" and isinstance(node, ast.expr) and not isinstance(node, (ast.Constant, ast.UnaryOp)):
        yield "negate", ast.UnaryOp(ast.Not(), node)
    match node:
        case ast.Expr(ast.Call() | ast.Await()):
            yield "drop call", ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign():
            yield "drop assignment", ast.Pass()
        case ast.Return(ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "return nothing", ast.Return(ast.Constant(None))
        case ast.Return() | ast.Raise() | ast.Break() | ast.Continue():
            yield f"drop {type(node).__name__.lower()}", ast.Pass()
        case ast.Compare(left, [operator], terms):
            yield "compare", ast.Compare(left, [FLIPPED[type(operator)]()], terms)
        case ast.BoolOp(operator, values):
            yield "and, or", ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            for n, value in enumerate(values):
                if not any(isinstance(part, ast.NamedExpr) for part in ast.walk(value)):
                    rest = values[:n] + values[n + 1 :]
                    yield "drop operand", rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest)
        case ast.UnaryOp(ast.Not(), operand):
            yield "drop not", operand
        case ast.BinOp(left, operator, right) if type(operator) in TURNED and function and not _is_text(left):
            yield "arithmetic", ast.BinOp(left, TURNED[type(operator)](), right)
        case ast.Constant(bool() as value):
            yield "constant", ast.Constant(not value)
        case ast.Constant(int() | float() as number):
            yield "constant", ast.Constant(number * 2 if isinstance(number, float) and number else number + 1)
        case ast.Constant(str() as text) if function and field != "slice":
            yield "constant", ast.Constant("" if text else "XX")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
