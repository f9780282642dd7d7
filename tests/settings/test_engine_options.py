"""The engine options known to the settings are those in the engines' own source."""

import ast
from pathlib import Path

import pytest

import sidecars.engines
from phone_daemon.settings.engine_options import ENGINE_OPTIONS
from sidecars.engine import STT_ENGINES, TTS_ENGINES, load

SOURCES = Path(sidecars.engines.__file__).parent


def names_in(engine: str) -> set[str]:
    """The options that the engine's module compares with, found without importing it, which would need its packages."""
    known: dict[str, set[str]] = {}
    for line in ast.parse((SOURCES / f"{engine}.py").read_text()).body:
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        value = getattr(line, "value", None)
        if isinstance(target, ast.Name) and value is not None:
            known[target.id] = names(value, known)
    create = next(
        line
        for line in ast.parse((SOURCES / f"{engine}.py").read_text()).body
        if isinstance(line, ast.FunctionDef) and line.name == "create"
    )
    calls = [node for node in ast.walk(create) if isinstance(node, ast.Call) and len(node.args) == 3]
    own = [names(call.args[2], known) for call in calls if getattr(call.func, "id", "") == "refuse_unknown"]
    return own[0] if own else known.get("OPTIONS") or known["_CREATED"]


def names(value: ast.expr, known: dict[str, set[str]]) -> set[str]:
    match value:
        case ast.Tuple(elts) | ast.Set(elts):
            return {name for each in elts for name in names(each, known)}
        case ast.Dict(keys):
            return {name for each in keys if each is not None for name in names(each, known)}
        case ast.Constant(str() as name):
            return {name}
        case ast.Starred(ast.Name(id)) | ast.Name(id):
            return known.get(id, set())
    return set()


def test_every_engine_is_known() -> None:
    assert set(ENGINE_OPTIONS) == {*STT_ENGINES, *TTS_ENGINES}


@pytest.mark.parametrize("engine", sorted(ENGINE_OPTIONS))
def test_an_engine_takes_these_options_and_no_others(engine: str) -> None:
    assert names_in(engine) == set(ENGINE_OPTIONS[engine])


@pytest.mark.parametrize("engine", ["moonshine", "hibari", "espeak"])
def test_an_embedded_engine_refuses_an_unknown_option_and_names_the_known(engine: str) -> None:
    with pytest.raises(ValueError, match=f"{engine} knows the options") as caught:
        load(engine, {"nonsense": 1})
    assert all(name in str(caught.value) for name in ENGINE_OPTIONS[engine])
