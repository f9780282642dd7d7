"""What the keys of settings and dialplans mean: the text under each field of their models."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import is_dataclass
from itertools import pairwise


def meanings(model: type) -> dict[str, str]:
    """By field, the text under it in the source; fields of base classes included, those without a text left out."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if is_dataclass(each):
            (made,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
            assert isinstance(made, ast.ClassDef)
            for pair in pairwise(made.body):
                match pair:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = inspect.cleandoc(text)
    return found
