from __future__ import annotations

import ast

import pytest

from tests.mutation.edits import edited, edits

SOURCE = '''"""Says nothing."""
import math
LIMIT = 3
class Door:
    def open(self, wide: bool = False) -> int:
        log.info("opened %d", 1)
        self.is_open = True
        self.creak()
        if wide and self.width < LIMIT:
            raise ValueError(f"too {wide}")
        return self.width + 1
'''


def told() -> set[tuple[str, str, str, str]]:
    return {(edit.function, edit.kind, edit.old, edit.new) for edit in edits(SOURCE)}


def test_every_kind_of_statement_is_edited() -> None:
    here = "Door.open"
    assert told() == {
        ("", "constant", "3", "4"),
        (here, "constant", "False", "True"),
        (here, "drop assignment", "self.is_open = True", "pass"),
        (here, "constant", "True", "False"),
        (here, "drop call", "self.creak()", "pass"),
        (here, "negate", "wide and self.width < LIMIT", "not (wide and self.width < LIMIT)"),
        (here, "and, or", "wide and self.width < LIMIT", "wide or self.width < LIMIT"),
        (here, "drop operand", "wide and self.width < LIMIT", "wide"),
        (here, "drop operand", "wide and self.width < LIMIT", "self.width < LIMIT"),
        (here, "compare", "self.width < LIMIT", "self.width <= LIMIT"),
        (here, "drop raise", "raise ValueError(f'too {wide}')", "pass"),
        (here, "return nothing", "return self.width + 1", "return None"),
        (here, "arithmetic", "self.width + 1", "self.width - 1"),
        (here, "constant", "1", "2"),
    }


def test_an_edit_is_the_only_thing_that_changes() -> None:
    before = ast.unparse(ast.parse(SOURCE)).splitlines()
    for edit in edits(SOURCE):
        tree = edited(SOURCE, edit.number)
        compile(tree, "door", "exec")
        after = ast.unparse(tree).splitlines()
        changed = [new for old, new in zip(before, after, strict=True) if old != new]
        assert len(changed) == 1 and edit.new in changed[0], edit


def test_there_are_no_more_edits_than_there_are() -> None:
    with pytest.raises(LookupError):
        edited(SOURCE, len(edits(SOURCE)))
