"""Validating a document against a model: every wrong value is reported once, and hides nothing else."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.settings.problems import Problems, nearest
from phone_daemon.settings.toml_lines import parse
from phone_daemon.settings.values import MODEL, REQUIRED, Flag, Texts, between


@dataclass(frozen=True, slots=True, config=MODEL)
class Wheel:
    size: Annotated[int, between(1, 9)] = 3
    spare: Flag = False
    kind: Literal["front", "back"] = "front"


@dataclass(frozen=True, slots=True, config=MODEL)
class Car:
    name: Annotated[str, REQUIRED] = ""
    owners: Annotated[Texts, REQUIRED] = ()
    weight: Annotated[float | None, between(0, 5)] = None
    first: Wheel = Wheel()
    wheels: dict[str, Wheel] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)


def held(text: str) -> tuple[Car, list[str]]:
    found = Problems(parse(text, Path("car.toml")))
    car = found.validated(Car)
    return car, [line.removeprefix("car.toml:") for line in found.lines()]


FINE = 'name = "a"\nowners = "me"\n'


def test_what_is_right_is_read_as_it_stands() -> None:
    text = FINE + "weight = 2\n[wheels.left]\nsize = 4\nspare = true\n[extra]\nx = { y = [1] }\n"
    assert held(text) == (Car("a", ("me",), 2.0, Wheel(), {"left": Wheel(4, True)}, {"x": {"y": [1]}}), [])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ['1: "name" is missing; write name = "…"', '1: "owners" is missing; write owners = ["…"]']),
        (
            'name = " "\nowners = []\n',
            ["1: name: is empty; write some text", "2: owners: is an empty list; write at least one text"],
        ),
        ('name = 3\nowners = [1, "x", ""]\n', [
            '1: name: is a whole number; it must be text: write name = "3"',
            "2: owners[0]: is a whole number; write it in quotes",
            "2: owners[2]: is empty; write some text or take it out",
        ]),
        (FINE + "weight = inf\n", ["3: weight: is inf; it must be from 0 to 5"]),
        (FINE + "weight = true\n", ["3: weight: is true; it must be a number"]),
        (FINE + "[wheels]\nleft = 3\nright = { size = 0, spare = 1, kind = 'frnt' }\n", [
            "4: wheels.left: is a whole number; it must be a table",
            "5: wheels.right.size: is 0; it must be from 1 to 9",
            "5: wheels.right.spare: is a whole number; it must be true or false",
            '5: wheels.right.kind: unknown value "frnt"; did you mean "front"?',
        ]),
        (FINE + "[first]\nkind = 7\nsiez = 1\n", [
            "4: first.kind: is a whole number; it must be text",
            '5: first.siez: unknown key; did you mean "size"?',
        ]),
        (FINE + "first = []\n", ["3: first: is a list; it must be a table"]),
    ],
)  # fmt: skip
def test_every_wrong_value_is_one_line_in_the_order_of_the_file(text: str, lines: list[str]) -> None:
    assert held(text)[1] == lines


def test_the_rest_is_read_all_the_same() -> None:
    car, lines = held('name = "a"\nowners = [2]\nwheight = 1\n[wheels.left]\nsize = 99\nspare = true\n')
    assert len(lines) == 3
    assert car == Car("a", (), None, Wheel(), {"left": Wheel(spare=True)})


def test_a_part_is_held_against_a_model_of_its_own() -> None:
    found = Problems(parse(FINE + "\n[wheels.left]\nsize = 10\n", Path("car.toml")))
    found.validated(Wheel, ("wheels", "left"), data=found.document.data["wheels"]["left"])
    assert found.lines() == ["car.toml:5: wheels.left.size: is 10; it must be from 1 to 9"]


def test_what_is_around_or_within_a_wrong_value_is_known_to_be_wrong() -> None:
    found = Problems(parse(FINE, Path("car.toml")))
    found.add(("owners", 0), "is wrong")
    found.lack(("wheels",), "is lacking")
    assert found.known(("owners",)) and found.known(("owners", 0)) and found.known(("owners", 0, "x"))
    assert not found.known(("owners", 1))
    assert not found.known(("wheels",))


def test_a_close_name_is_guessed_and_else_all_are_listed() -> None:
    assert nearest("prot", ["port", "bind"]) == 'did you mean "port"?'
    assert nearest("zzz", ["port", "bind"]) == "choose from: bind, port"
