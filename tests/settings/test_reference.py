"""The reference of settings is generated from the models."""

from dataclasses import fields, is_dataclass
from pathlib import Path

from phone_daemon.settings.example import table_of_many
from phone_daemon.settings.meanings import meanings
from phone_daemon.settings.problems import fields_of
from phone_daemon.settings.reference import settings_reference
from phone_daemon.settings.settings import Settings

MANY = {name: table for name, field in fields_of(Settings).items() if (table := table_of_many(field))}
DOCS = Path(__file__).parents[2] / "docs"


def test_the_committed_file_is_what_make_docs_writes() -> None:
    assert (DOCS / "settings.md").read_text() == settings_reference(), "run: make docs"


def test_every_key_has_a_row_that_says_what_it_means() -> None:
    text = settings_reference()
    for section in fields(Settings):
        value = MANY[section.name]() if section.name in MANY else getattr(Settings(), section.name)
        head = f"`[[{section.name}]]`" if section.name in MANY else f"`[{section.name}]`"
        part = text.partition(f"## {head}\n")[2].partition("\n## ")[0] if is_dataclass(value) else text
        for name, field in fields_of(type(value)).items() if is_dataclass(value) else ((section.name, None),):
            if name == "register":
                continue  # a table of its own
            [row] = [line for line in part.splitlines() if line.startswith(f"| `{name}` |")][:1]
            assert row.count(" | ") == 3
            assert not row.endswith("|  |"), name
            assert field is None or meanings(type(value))[name]


def test_a_row_has_range_and_default() -> None:
    assert "| `port` | whole number, 0 to 65,535 | `5060` | Port of the first" in settings_reference()
    assert '| `host` | `subprocess`, `inprocess`, `listen`, `wyoming` | `"subprocess"` |' in settings_reference()
