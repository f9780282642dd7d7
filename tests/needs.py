"""What a test needs that a bare machine lacks, derived from its code, so that nobody has to remember a marker.

A test is `engine` if its code, or that of a fixture or function of tests/ that it uses, reaches code that builds an
environment, and `foreign` if it reaches code that looks for a third-party program.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

import pytest

from ops.bench.model_server import ModelServer
from tests.foreign.programs import need
from tests.sidecars.family import python_in

BUILDERS: dict[object, str] = {python_in: "engine", ModelServer: "engine", need: "foreign"}


def markers(item: pytest.Item) -> set[str]:
    """The markers of BUILDERS that apply to `item`."""
    if not isinstance(item, pytest.Function):
        return set()
    begin: list[object] = [item.function]
    begin += [each.func for fixtures in item._fixtureinfo.name2fixturedefs.values() for each in fixtures]
    begin += item.callspec.params.values() if hasattr(item, "callspec") else []
    return {mark for each in begin for mark in _earned(each)}


def _earned(thing: object) -> frozenset[str]:
    try:
        return _kept(thing)
    except TypeError:  # it has no hash: a parameter that is a list, for example
        return _marks_of(thing)


def _marks_of(thing: object) -> frozenset[str]:
    reached: dict[int, object] = {}
    marks = frozenset(
        BUILDERS[each]
        for each in _used(thing, reached)
        if inspect.isroutine(each) or inspect.isclass(each)
        if each in BUILDERS
    )
    if not marks:
        _unmarked.update(reached)
    return marks


_kept = functools.cache(_marks_of)
_unmarked: dict[int, object] = {}
"""What is known to reach nothing of BUILDERS, by its id; kept, so that the id stays its own."""


def _used(thing: object, reached: dict[int, object]) -> Iterator[object]:
    """`thing` and all code in tests/ that it reaches by name."""
    if id(thing) in reached or id(thing) in _unmarked:
        return
    reached[id(thing)] = thing
    yield thing
    for each in _parts(thing):
        yield from _used(each, reached)


def _parts(thing: object) -> Iterator[object]:
    if isinstance(thing, (list, tuple, set, frozenset)):
        yield from thing
    elif isinstance(thing, dict):
        yield from thing.values()
    elif isinstance(thing, functools.partial):
        yield thing.func
    elif isinstance(thing, (staticmethod, classmethod)):
        yield thing.__func__
    elif isinstance(thing, property):
        yield thing.fget
    elif not str(getattr(thing, "__module__", None)).startswith("tests."):
        return
    elif inspect.isclass(thing):
        yield from thing.__mro__[1:]
        yield from vars(thing).values()
    elif isinstance(thing, FunctionType):
        if (inner := inspect.unwrap(thing)) is not thing:
            yield inner
        names = set(_names(thing.__code__))
        found = [thing.__globals__[name] for name in names if name in thing.__globals__]
        yield from found
        ours = [each for each in found if isinstance(each, ModuleType) and each.__name__.startswith("tests.")]
        yield from (vars(module)[name] for module in ours for name in names if name in vars(module))
        yield from (cell.cell_contents for cell in thing.__closure__ or ())


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)
